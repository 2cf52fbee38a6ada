#!/usr/bin/env python3
"""Verifies bundles from the text of docs/bundle-format.md.

An implementation of its own: Python standard library only, no code shared with the product.
    check_bundle.py TRUST.json FOLDER     for every .zip in FOLDER: its exit code and its name
    check_bundle.py TRUST.json FILE PROOF the same for one file and its proof of inclusion
Signatures are computed from RFC 8032 and SEC 1, slowly: this is a check of the description, not a tool.
"""
import base64
import hashlib
import json
import pathlib
import re
import struct
import sys
import zlib
from datetime import datetime

README, SUMS = "README.txt", "SHA256SUMS"
MANIFEST, LINES = "manifest.json", "attestations.intoto.jsonl"
POLICY, ACCOUNT = "meta/policy.json", "meta/collection.json"
REQUIRED = [README, SUMS, MANIFEST, LINES]
N16, N32 = 0xFFFF, 0xFFFFFFFF


class Wrong(Exception):
    """The exit code of the step that fails."""


def fail(code):
    raise Wrong(code)


def need(condition, code):
    if not condition:
        fail(code)


# ---- Signatures: RFC 8032 (Ed25519), SEC 1 (ECDSA on P-256) ----------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def ed_add(p, q):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = p, q
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def ed_mul(s, p):
    q = (0, 1, 1, 0)
    while s:
        if s & 1:
            q = ed_add(q, p)
        p = ed_add(p, p)
        s >>= 1
    return q


def ed_point(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


ED_BASE = ed_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(key, message, signature):
    if len(signature) != 64:
        return False
    a, r = ed_point(key), ed_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = ed_mul(s, ED_BASE), ed_add(r, ed_mul(h, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def low_order(key):
    point = ed_point(key[:31] + bytes([key[31] & 0x7F]))
    y = int.from_bytes(key, "little") & (2**255 - 1)
    if point is None:
        return y >= P
    out = ed_mul(8, point)
    return out[0] == 0 and (out[1] - out[2]) % P == 0


Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
QN = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
QB = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
QG = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
      0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def ec_add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % Q == 0:
        return None
    if p == q:
        m = (3 * p[0] * p[0] - 3) * pow(2 * p[1], Q - 2, Q) % Q
    else:
        m = (q[1] - p[1]) * pow(q[0] - p[0], Q - 2, Q) % Q
    x = (m * m - p[0] - q[0]) % Q
    return (x, (m * (p[0] - x) - p[1]) % Q)


def ec_mul(s, p):
    q = None
    while s:
        if s & 1:
            q = ec_add(q, p)
        p = ec_add(p, p)
        s >>= 1
    return q


def der_integers(b):
    def number(at):
        need(b[at] == 2 and 1 <= b[at + 1] <= 33, 0)
        raw = b[at + 2:at + 2 + b[at + 1]]
        need(len(raw) == b[at + 1] and raw[0] < 0x80, 0)
        need(not (len(raw) > 1 and raw[0] == 0 and raw[1] < 0x80), 0)
        return int.from_bytes(raw, "big"), at + 2 + len(raw)
    need(b[0] == 0x30 and b[1] < 0x80 and b[1] == len(b) - 2, 0)
    r, at = number(2)
    s, at = number(at)
    need(at == len(b), 0)
    return r, s


def p256(key, message, signature):
    x, y = int.from_bytes(key[1:33], "big"), int.from_bytes(key[33:], "big")
    if (y * y - (x * x * x - 3 * x + QB)) % Q:
        return False
    try:
        r, s = der_integers(signature)
    except (Wrong, IndexError):
        return False
    if not (0 < r < QN and 0 < s < QN):
        return False
    e = int.from_bytes(hashlib.sha256(message).digest(), "big")
    w = pow(s, QN - 2, QN)
    point = ec_add(ec_mul(e * w % QN, QG), ec_mul(r * w % QN, (x, y)))
    return point is not None and point[0] % QN == r


ED_SPKI = bytes.fromhex("302a300506032b6570032100")
EC_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def verifies(spki, message, signature):
    if spki.startswith(ED_SPKI):
        return ed25519(spki[12:], message, signature)
    return p256(spki[26:], message, signature)


# ---- Strict JSON ------------------------------------------------------------------------------

def strict(text, code):
    def members(pairs):
        need(len({name for name, _ in pairs}) == len(pairs), code)
        return dict(pairs)

    def refuse(_):
        fail(code)
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=members, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError):
        fail(code)


# ---- Section 6: trust -------------------------------------------------------------------------

ROLES = {"collector", "privacy-review", "policy-approval", "receipt"}
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")


def is_time(text):
    if not isinstance(text, str) or not TIME.fullmatch(text):
        return False
    try:
        datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
        return True
    except ValueError:
        return False


def instant(text):
    return (text[:19], text[19:-1].ljust(10, "0").replace(".", "") or "0")


def trust_file(text):
    trust = strict(text, 2)
    need(trust["schema"] == "entra-bundle/trust/1", 2)
    for key in trust["keys"]:
        spki = base64.b64decode(key["public_key"], validate=True)
        ed = spki.startswith(ED_SPKI) and len(spki) == 44
        ec = spki.startswith(EC_SPKI) and len(spki) == 91 and spki[26] == 4
        need(ed or ec, 2)
        need(not (ed and low_order(spki[12:])), 2)
        need(key["alg"] == ("ed25519" if ed else "ecdsa-p256-sha256"), 2)
        need(key["fingerprint"] == "sha256:" + hashlib.sha256(spki).hexdigest(), 2)
        need(set(key["roles"]) <= ROLES, 2)
        key["spki"] = spki
    need("collector" in trust["policy"]["require"], 2)
    return trust


def in_force(key, signed_at):
    if key.get("status", "active") == "revoked":
        return False
    before, after = key.get("not_before"), key.get("not_after")
    if before is None and after is None:
        return True
    if not is_time(signed_at):
        return False
    at = instant(signed_at)
    return (before is None or at >= instant(before)) and (after is None or at <= instant(after))


# ---- Section 3: the zip profile ---------------------------------------------------------------

COMPONENT = re.compile(r"[a-z0-9][a-z0-9._-]*")
DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")


def name_ok(raw):
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError:
        return False
    if name in (README, SUMS):
        return True
    return 0 < len(name) <= 180 and all(
        COMPONENT.fullmatch(c) and len(c) <= 100 and ".." not in c and not c.endswith(".")
        and not DEVICE.fullmatch(c.split(".")[0]) for c in name.split("/"))


def rank(name):
    fixed = {README: 0, SUMS: 3, MANIFEST: 4, LINES: 5}
    if name in fixed:
        return fixed[name]
    return 1 if name.startswith("data/") else 2 if name.startswith("meta/") else None


def profile(data):
    """Entries as (name, method, crc, compressed, size, header, start), or the lowest code that fails."""
    need(len(data) >= 22 and data[-22:-18] == b"PK\5\6", 10)
    count, size, offset = struct.unpack("<HII", data[-12:-2])
    end = len(data) - 22
    wide = data[end - 20:end - 16] == b"PK\6\7" if end >= 76 else False
    if wide:
        count, size, offset = struct.unpack("<QQQ", data[end - 44:end - 20])
        end -= 76
    needed = count > N16 or size > N32 or offset > N32
    need(wide == needed, 10)
    need(offset + size == end, 10)
    codes, entries, at, following, total = set(), [], offset, 0, 0
    for _ in range(count):
        need(data[at:at + 4] == b"PK\1\2" and at + 46 <= end, 10)
        (made, version, flags, method, time, date, crc, compressed, raw, names, extras, comments, disk,
         internal, external, header) = struct.unpack("<HHHHHHIIIHHHHHII", data[at + 4:at + 46])
        need(at + 46 + names + extras + comments <= end, 10)
        name, extra = data[at + 46:at + 46 + names], data[at + 46 + names:at + 46 + names + extras]
        at += 46 + names + extras + comments
        if header == N32:
            ok = len(extra) == 12 and extra[:4] == b"\1\0\10\0"
            header = struct.unpack("<Q", extra[4:])[0] if ok else header
            codes |= set() if ok and header >= N32 else {10}
        elif extra:
            codes.add(10)
        stored = name in (MANIFEST.encode(), LINES.encode())
        kept = 20 if method == 8 else 10
        good = (name_ok(name) and flags == 0 and (method == 0 or (method == 8 and not stored)) and time == 0
                and date == 0x21 and version == kept and made == 0x300 + kept and internal == 0
                and external == 0x81A40000 and disk == 0 and comments == 0 and header == following
                and compressed < N32 and raw < N32 and (method == 8 or compressed == raw))
        start = header + 30 + names
        local = (b"PK\3\4" + struct.pack("<HHHHHIIIHH", version, flags, method, time, date, crc, compressed,
                                        raw, names, 0) + name)
        codes |= set() if good and data[header:start] == local and start <= offset else {10}
        total += raw
        most = {MANIFEST.encode(): 64 << 20, LINES.encode(): 4 << 20}.get(name, 256 << 20)
        if raw > most or total > 64 << 30 or raw > compressed * 1100 or compressed > most + most // 100 + 1024:
            codes.add(15)
        following = start + compressed
        entries.append((name.decode("latin-1"), method, crc, compressed, raw, header, start))
    need(at == end and following == offset, 10)
    if count > 100_000:
        fail(15)
    if wide:
        version = 20 if any(entry[1] == 8 for entry in entries) else 10
        tail = (b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, version, version, 0, 0, count, count, size, offset)
                + b"PK\6\7" + struct.pack("<IQI", 0, end, 1))
    else:
        tail = b""
    tail += b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, min(count, N16), min(count, N16),
                                    N32 if wide else size, min(offset, N32), 0)
    need(data[end:] == tail, 10)
    keys = [(rank(entry[0]), entry[0]) for entry in entries]
    if any(key[0] is None for key in keys) or keys != sorted(set(keys)) or not set(REQUIRED) <= {k[1] for k in keys}:
        codes.add(10)
    need(not codes, min(codes, default=0))
    return entries


def content(data, entry):
    _, method, crc, compressed, size, _, start = entry
    raw = data[start:start + compressed]
    if method == 8:
        engine = zlib.decompressobj(-15)
        try:
            out = engine.decompress(raw, size + 1)
        except zlib.error:
            fail(11)
        need(engine.eof and not engine.unused_data and not engine.unconsumed_tail, 11)
        raw = out
    need(len(raw) == size and zlib.crc32(raw) == crc, 11)
    return raw


# ---- Section 5: attestations ------------------------------------------------------------------

def unbase64(text):
    need(isinstance(text, str), 12)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        pass
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        fail(12)


PREDICATES = {
    "collection": ("collector", MANIFEST, {"bundleId", "contentRoot", "policySha256", "entries", "rows", "signedAt"}),
    "privacy-review": ("privacy-review", MANIFEST, {"bundleId", "contentRoot", "policySha256", "decision", "sampled",
                                                    "scanner", "signedAt"}),
    "receipt": ("receipt", MANIFEST, {"contentRoot", "receivedAt"}),
    "policy-approval": ("policy-approval", POLICY, {"privateSha256", "policyVersion", "catalogueSha256", "tables",
                                                     "signedAt", "notAfter"}),
    "series": ("collector", MANIFEST, None),
}


def line_of(line, trust, digest):
    """(kind, predicate, subject, key, counts) of a line by a trusted key; None by another."""
    envelope = strict(line, 12)
    need(isinstance(envelope, dict) and envelope.get("payloadType") == "application/vnd.in-toto+json", 12)
    signatures = envelope.get("signatures")
    need(isinstance(signatures, list) and len(signatures) == 1 and isinstance(signatures[0], dict), 12)
    payload, signature = unbase64(envelope.get("payload")), unbase64(signatures[0].get("sig"))
    message = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload
    hinted = [key for key in trust["keys"] if key["fingerprint"] == signatures[0].get("keyid")]
    good = [key for key in hinted or trust["keys"] if verifies(key["spki"], message, signature)]
    need(not hinted or good, 12)
    if not good:
        return None
    statement = strict(payload, 12)
    need(isinstance(statement, dict) and statement.get("_type") == "https://in-toto.io/Statement/v1", 12)
    need(isinstance(statement.get("subject"), list) and len(statement["subject"]) == 1, 12)
    subject, predicate = statement["subject"][0], statement.get("predicate")
    kind = re.fullmatch(r"urn:entra-bundle:attestation:([a-z-]+):1", statement.get("predicateType", ""))
    kind = kind.group(1) if kind else None
    if kind not in PREDICATES:
        return (None, None, None, good[0], False)
    role, name, members = PREDICATES[kind]
    need(isinstance(predicate, dict) and (members is None or set(predicate) == members), 12)
    need(subject["name"] == name, 12)
    need(digest is None or name != MANIFEST or subject["digest"]["sha256"] == digest, 12)
    signed_at = predicate.get("signedAt", predicate.get("receivedAt"))
    counts = (role in good[0]["roles"] and in_force(good[0], signed_at)
              and not (kind == "privacy-review" and predicate["decision"] != "approved"))
    return (kind, predicate, subject["digest"]["sha256"], good[0], counts)


def origin(found):
    """Step 5, for the lines of which something is known."""
    if any(line and line[0] == "collection" and line[4] for line in found):
        return
    fail(14 if any(found) else 13)


def lines_of(lists, trust, digest):
    found, codes = [], set()
    for raw in lists:
        if len(raw) > 4 << 20:
            codes.add(15)
        elif raw and not raw.endswith(b"\n"):
            codes.add(12)
        elif raw:
            for number, line in enumerate(raw[:-1].split(b"\n")):
                if number >= 64 or len(line) > 1 << 20:
                    codes.add(15)
                    break
                try:
                    found.append(line_of(line, trust, digest))
                except Wrong as wrong:
                    codes.add(wrong.args[0])
    need(not codes, min(codes, default=0))
    origin(found)
    return [line for line in found if line and line[4]]


# ---- Section 4: the manifest ------------------------------------------------------------------

HEX = re.compile(r"[0-9a-f]{64}")
LABEL = re.compile(r"[A-Za-z0-9._:/@+*{},#~-]{1,200}")
DATASET = re.compile(r"[a-z0-9_]{1,100}")
PART = re.compile(r"data/(diagnostic|graph|loganalytics|o365|onprem|portal|powershell)/([a-z0-9_]+)/"
                  r"part-([0-9]{5})\.(jsonl|txt|xml)")
MEDIA = {"jsonl": "application/x-ndjson", "txt": "text/plain; charset=utf-8", "xml": "application/xml"}
TOP = {"schema", "bundleId", "volume", "tool", "createdAt", "tenant", "case", "window", "policy", "catalogue",
       "pseudonyms", "intendedRecipients", "hash", "totals", "completeness", "entries"}


def number(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64


def fits(pattern, value):
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def is_id(text):
    return fits(re.compile(r"[a-z2-7]{25}[aeimquy4]"), text)


def leaf_hash(entry):
    path = entry["path"].encode()
    leaf = struct.pack(">I", len(path)) + path + struct.pack(">Q", entry["size"]) + bytes.fromhex(entry["sha256"])
    return hashlib.sha256(b"\0" + leaf).digest()


def tree(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree(leaves[:half]) + tree(leaves[half:])).digest()


def manifest_of(raw):
    m = strict(raw, 11)
    need(isinstance(m, dict) and isinstance(m.get("schema"), str), 11)
    need(m["schema"] == "entra-bundle/manifest/1", 16)
    try:
        check_manifest(m)
    except (KeyError, TypeError, AttributeError, IndexError):
        fail(11)
    return m


def check_manifest(m):
    need(set(m) == TOP, 11)
    h = m["hash"]
    need(h["perEntry"] == "sha256" and h["tree"] == "rfc9162-sha256" and h["leaf"] == "entra-bundle/leaf/1", 16)
    maybe = lambda value, good: value is None or good(value)
    v = m["volume"]
    need(set(v) - {"count"} == {"index", "final", "seriesId", "prevManifestSha256"}, 11)
    need(number(v["index"]) and v["index"] >= 1 and isinstance(v["final"], bool) and v["final"] == ("count" in v), 11)
    need("count" not in v or v["count"] == v["index"], 11)
    need(maybe(v["seriesId"], is_id) and (v["seriesId"] is not None or (v["index"] == 1 and v["final"])), 11)
    need((v["index"] == 1) == (v["prevManifestSha256"] is None), 11)
    need(is_id(m["bundleId"]) and is_time(m["createdAt"]), 11)
    reference = re.compile(r"[A-Za-z0-9._-]{1,64}")
    need(set(m["case"]) == {"reference"} and maybe(m["case"]["reference"], lambda t: fits(reference, t)), 11)
    need(set(m["policy"]) == {"id", "version", "sha256", "approvedDigest"}, 11)
    for digest in (m["policy"]["sha256"], m["catalogue"]["sha256"], h["root"], h["archive"]["sha256"]):
        need(fits(HEX, digest), 11)
    done = m["completeness"]
    partial = any(d["outcome"] in ("partial", "skipped", "failed") for d in done["datasets"])
    need(done["status"] == ("incomplete" if partial else "complete"), 11)
    need(all((d["outcome"] == "complete") <= (d["reason"] is None) for d in done["datasets"]), 11)
    paths = [entry["path"] for entry in m["entries"]]
    need(all(a.encode() < b.encode() for a, b in zip(paths, paths[1:])), 11)
    rows = 0
    for entry in m["entries"]:
        plain = {"path", "size", "sha256", "rows", "mediaType"}
        part = PART.fullmatch(entry["path"])
        need(name_ok(entry["path"].encode()) and number(entry["size"]) and fits(HEX, entry["sha256"]), 11)
        if entry["path"].startswith("data/"):
            need(part is not None, 11)
            need(set(entry) == plain | {"dataset", "source", "part", "minTime", "maxTime", "label", "learned",
                                        "sourceSha256"}, 11)
            need((entry["source"], entry["dataset"], entry["part"])
                 == (part.group(1), part.group(2), int(part.group(3))), 11)
            need(entry["sourceSha256"] is None and entry["mediaType"] == MEDIA[part.group(4)], 11)
            need(entry["label"] in ("identifiable", "pseudonymous"), 11)
            need((entry["rows"] is None) == (part.group(4) == "xml"), 11)
            rows += entry["rows"] or 0
        else:
            need(set(entry) == plain and entry["rows"] is None, 11)
    total = m["totals"]
    need((total["entries"], total["rawBytes"], total["rows"])
         == (len(paths), sum(entry["size"] for entry in m["entries"]), rows), 11)
    need(tree([leaf_hash(entry) for entry in m["entries"]]).hex() == h["root"], 11)


# ---- Section 7: the steps ---------------------------------------------------------------------

def bound(line, m):
    kind, predicate, subject, _, _ = line
    base = {"bundleId": m["bundleId"], "contentRoot": m["hash"]["root"], "policySha256": m["policy"]["sha256"]}
    if kind == "collection":
        base |= {"entries": m["totals"]["entries"], "rows": m["totals"]["rows"]}
    elif kind == "receipt":
        base = {"contentRoot": m["hash"]["root"]}
    elif kind == "policy-approval":
        return subject == m["policy"]["sha256"] and predicate["catalogueSha256"] == m["catalogue"]["sha256"]
    elif kind != "privacy-review":
        return True
    return all(predicate[name] == value for name, value in base.items())


def roles_met(required, lines, used=()):
    if not required:
        return True
    return any(PREDICATES[line[0]][0] == required[0] and line[3]["fingerprint"] not in used
               and roles_met(required[1:], lines, (*used, line[3]["fingerprint"])) for line in lines)


def index_ok(raw, size, tiled):
    end = lines = 0
    for line in raw.splitlines(keepends=True) if raw else []:
        if len(line) > 128 or not line.endswith(b"\n"):
            return None
        try:
            value = strict(line, 11)
        except Wrong:
            return None
        if not (isinstance(value, list) and len(value) == 3 and number(value[0]) and number(value[1])):
            return None
        offset, length, time = value
        if length < 1 or offset + length > size or (offset != end if tiled else offset < end):
            return None
        if time is not None and not is_time(time):
            return None
        end, lines = offset + length, lines + 1
    return lines if not tiled or end == size else None


def agreement(m, files):
    listed = {entry["path"]: entry for entry in m["entries"]}
    need(POLICY in listed and listed[POLICY]["sha256"] == m["policy"]["sha256"], 11)
    sums = "".join(f"{e['sha256']}  {e['path']}\n" for e in m["entries"] if e["path"] != SUMS)
    need(files[SUMS] == sums.encode(), 11)
    try:
        need(json.loads(files[ACCOUNT])["completeness"] == m["completeness"], 11)
    except (ValueError, TypeError, KeyError):
        fail(11)
    wanted = set()
    for path, entry in listed.items():
        part = PART.fullmatch(path)
        if part and part.group(4) != "jsonl":
            index = f"meta/index/{part.group(1)}/{part.group(2)}/part-{part.group(3)}.jsonl"
            lines = index_ok(files.get(index, b"\0"), entry["size"], part.group(4) == "txt")
            need(lines is not None and entry["rows"] in (None, lines), 11)
            wanted.add(index)
    need(wanted == {path for path in listed if path.startswith("meta/index/")}, 11)


def verify(data, trust, detached=()):
    if data.startswith((b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE")):
        return 16
    if data.startswith(b"PK\3\4") and len(data) > 6 and data[6] & 1:
        return 16
    try:
        entries = profile(data)
        place = {entry[0]: entry for entry in entries}
        raw = content(data, place[MANIFEST])
        digest = hashlib.sha256(raw).hexdigest()
        counted = lines_of([content(data, place[LINES]), *detached], trust, digest)
        m = manifest_of(raw)
        need(all(bound(line, m) for line in counted), 12)
        paths = {entry["path"] for entry in m["entries"]}
        need(set(place) == paths | {MANIFEST, LINES} and {README, ACCOUNT, POLICY, SUMS} <= paths, 11)
        files = {name: content(data, entry) for name, entry in place.items()}
        for entry in m["entries"]:
            body = files[entry["path"]]
            need(len(body) == entry["size"] and hashlib.sha256(body).hexdigest() == entry["sha256"], 11)
            if entry["path"].startswith("data/") and entry["path"].endswith(".jsonl"):
                need(body.count(b"\n") == entry["rows"] and (not body or body.endswith(b"\n")), 11)
        until = place[MANIFEST][5]
        archive = m["hash"]["archive"]
        need(archive == {"size": until, "sha256": hashlib.sha256(data[:until]).hexdigest()}, 11)
        agreement(m, files)
        counted = [line for line in counted
                   if line[0] != "policy-approval" or instant(line[1]["notAfter"]) >= instant(m["createdAt"])]
        need(roles_met(trust["policy"]["require"], counted), 14)
        need(m["volume"]["seriesId"] is None, 18)
        return 0
    except Wrong as wrong:
        return wrong.args[0]


# ---- Section 10: a file and its proof ---------------------------------------------------------

def proven(body, raw, trust):
    try:
        proof = strict(raw, 10)
        need(isinstance(proof, dict) and isinstance(proof.get("schema"), str), 10)
        need(proof["schema"] == "entra-bundle/proof/1", 16)
        need(set(proof) == {"schema", "leaf", "path", "size", "sha256", "index", "treeSize", "hashes", "attestation"}, 10)
        need(proof["leaf"] == "entra-bundle/leaf/1", 16)
        need(name_ok(proof["path"].encode()) and all(fits(HEX, h) for h in [*proof["hashes"], proof["sha256"]]), 10)
        line = line_of(proof["attestation"].encode(), trust, None)
        origin([line])
        node, at, last = leaf_hash(proof), proof["index"], proof["treeSize"] - 1
        need(proof["treeSize"] == line[1]["entries"] and 0 <= at <= last, 11)
        for beside in map(bytes.fromhex, proof["hashes"]):
            need(last > 0, 11)
            if at & 1 or at == last:
                node = hashlib.sha256(b"\1" + beside + node).digest()
                while at and not at & 1:
                    at, last = at >> 1, last >> 1
            else:
                node = hashlib.sha256(b"\1" + node + beside).digest()
            at, last = at >> 1, last >> 1
        need(last == 0 and node.hex() == line[1]["contentRoot"], 11)
        need(len(body) == proof["size"] and hashlib.sha256(body).hexdigest() == proof["sha256"], 11)
        return 0
    except Wrong as wrong:
        return wrong.args[0]


def main():
    trust = trust_file(pathlib.Path(sys.argv[1]).read_bytes())
    if len(sys.argv) == 4:
        print(proven(pathlib.Path(sys.argv[2]).read_bytes(), pathlib.Path(sys.argv[3]).read_bytes(), trust))
        return
    for path in sorted(pathlib.Path(sys.argv[2]).glob("*.zip")):
        detached = [p.read_bytes() for p in sorted(path.parent.glob(path.name + ".*.intoto.jsonl"))]
        print(verify(path.read_bytes(), trust, detached), path.name)


if __name__ == "__main__":
    main()
