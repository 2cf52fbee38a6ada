#!/usr/bin/env python3
"""Recomputes every entry of tokens.json from the text of docs/pseudonyms.md.

An implementation of its own: Python standard library only, no code shared with the product.
    check_tokens.py            compares; prints each difference; exit 1 if there is one
    check_tokens.py --write    writes the recomputed outputs into tokens.json (for new entries)
"""
import base64
import hashlib
import hmac
import ipaddress
import json
import pathlib
import string
import struct
import sys
import unicodedata
import zlib

FILE = pathlib.Path(__file__).with_name("tokens.json")
HEX = set(string.hexdigits)
DIGITS = set(string.digits)
LETTERS = set(string.ascii_letters)


# ---- Unicode -------------------------------------------------------------------------------

# Simple foldings (status S) that Unicode 15.1 added; older Python tables lack them.
LATER = {"\u1fd3": "\u0390", "\u1fe3": "\u03b0", "\ufb05": "\ufb06"}
# White_Space of PropList.txt.
SPACES = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    chr(c) for c in range(0x2000, 0x200B))


def fold(char):
    """Simple case folding: a full folding of one character is simple; else the lower case is it."""
    if char in LATER:
        return LATER[char]
    for candidate in (char.casefold(), char.lower()):
        if len(candidate) == 1:
            return candidate
    return char


def nfc(text):
    return unicodedata.normalize("NFC", text)


def canon(text):
    return nfc("".join(fold(c) for c in nfc(text.strip(SPACES))))


def canon_domain(text):
    text = canon(text)
    if text.isascii():
        return text.rstrip(".")
    for stop in "\u3002\uff0e\uff61":
        text = text.replace(stop, ".")
    return ".".join(idna_label(label) for label in text.split(".")).rstrip(".")


def idna_label(label):
    """UTS #46 ToASCII of one label; a refused label stays."""
    if label.isascii():
        return label
    mapped = []
    for c in label:
        if unicodedata.category(c) == "Cn":
            raise SystemExit(f"U+{ord(c):04X}: unknown to this Python's Unicode tables")
        if c in "\u00ad\u200b\u2060\ufeff":
            continue  # mapped to nothing
        if unicodedata.category(c) == "Cf" and c not in "\u200c\u200d":
            raise SystemExit(f"U+{ord(c):04X}: this script has no IDNA mapping of format characters")
        if c in "\u00df\u03c2\u200c\u200d":
            mapped.append(c)  # deviation characters stay in non-transitional processing
        else:
            mapped.append(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", c).casefold()))
            if "." in mapped[-1]:
                return label  # the mapping table disallows what would become a dot
    mapped = idna_mapped(nfc("".join(mapped)))
    return label if mapped is None else mapped


def idna_mapped(part):
    if part.isascii():
        if not part.startswith("xn--"):
            return part
        try:
            decoded = part[4:].encode().decode("punycode")
        except UnicodeError:
            return None
        return part if not decoded.isascii() and idna_mapped(decoded) == part else None
    joiners = [i for i, c in enumerate(part) if c in "\u200c\u200d"]
    bad = (
        part.startswith("xn--")
        or len(part) > 1000
        or unicodedata.category(part[0]).startswith("M")
        or any(unicodedata.category(c) in ("Co", "Cs", "Cc") for c in part if not c.isascii())
        or "\ufffd" in part
        or any(i == 0 or unicodedata.combining(part[i - 1]) != 9 for i in joiners)
        or not bidi(part)
    )
    return None if bad else "xn--" + part.encode("punycode").decode("ascii")


def bidi(label):
    """The Bidi Rule of RFC 5893."""
    classes = [unicodedata.bidirectional(c) for c in label]
    if not {"R", "AL", "AN"} & set(classes):
        return True
    tail = [c for c in classes if c != "NSM"][-1]
    shared = {"EN", "ES", "CS", "ET", "ON", "BN", "NSM"}
    if classes[0] in ("R", "AL"):
        return (set(classes) <= shared | {"R", "AL", "AN"} and tail in ("R", "AL", "EN", "AN")
                and not {"EN", "AN"} <= set(classes))
    return classes[0] == "L" and set(classes) <= shared | {"L"} and tail in ("L", "EN")


# ---- keys and tokens -----------------------------------------------------------------------

def hmac256(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf_expand(prk, info, length):
    result, previous, counter = b"", b"", 1
    while len(result) < length:
        previous = hmac256(prk, previous + info + bytes([counter]))
        result += previous
        counter += 1
    return result[:length]


SYMBOLS = "abcdefghijklmnopqrstuvwxyz234567"


def multiply(a, b):
    """Product in GF(2)[x]/(x^5 + x^2 + 1)."""
    product = 0
    for bit in range(5):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(8, 4, -1):
        if product >> bit & 1:
            product ^= 0b100101 << (bit - 5)
    return product


def checksum(letter, body):
    total, power = 0, 2
    for symbol in letter + body:
        total ^= multiply(power, SYMBOLS.index(symbol))
        power = multiply(power, 2)
    return SYMBOLS[total]


def is_token(text):
    return (len(text) == 15 and text[0] in string.ascii_lowercase and text[1] == "-"
            and all(c in SYMBOLS for c in text[2:]) and checksum(text[0], text[2:14]) == text[14])


ALL_PARTS = ("account", "domain", "host", "person", "org")

ROUTES = {
    "mail.onmicrosoft.com": "mail.onmicrosoft.example", "onmicrosoft.com": "onmicrosoft.example",
    "sharepoint.com": "sharepoint.example", "b2clogin.com": "b2clogin.example",
    "ciamlogin.com": "ciamlogin.example", "mail.onmicrosoft.us": "mail.onmicrosoft-us.example",
    "onmicrosoft.us": "onmicrosoft-us.example", "partner.onmschina.cn": "partner-onmschina.example",
    "sharepoint.us": "sharepoint-us.example", "sharepoint.cn": "sharepoint-cn.example",
}
REGISTRIES = "ac co com edu go gob gov gv ltd mil ne net nom or org plc sch".split()
BUILT_IN = [name.casefold() for name in (
    "Users", "Computers", "Builtin", "Domain Controllers", "ForeignSecurityPrincipals",
    "Managed Service Accounts", "Program Data", "System", "Configuration", "Schema", "Services",
    "Sites", "LostAndFound", "Deleted Objects", "Keys", "TPM Devices",
    "Microsoft Exchange Security Groups")]
PREFIXES = ("smtp sip mailto eum spo x500 x400 notes ms ccmail gwise fax rfax airsync im tel").split()
ISSUERS = ["membership", "tenant", "federateddirectoryclaimprovider", "rolemanager", "spo-grid-all-users"]


def only_hex(text, least, most):
    return least <= len(text) <= most and set(text) <= HEX


def upper_case(text):
    """The case of hex text: upper only if it has upper-case letters and no lower-case ones."""
    letters = [c for c in text if c in "abcdefABCDEF"]
    return bool(letters) and all(c.isupper() for c in letters)


def as_hex(data, upper):
    return data.hex().upper() if upper else data.hex()


def little(guid):
    """Textual order to little-endian order and back."""
    return guid[3::-1] + guid[5:3:-1] + guid[7:5:-1] + guid[8:]


def read_hex_octets(pieces):
    if all(len(p) == 2 and set(p) <= HEX for p in pieces):
        return bytes.fromhex("".join(pieces))
    return None


def read_guid(text):
    """(text before, text after, form, body, guid in textual order), or None."""
    text = text.strip(SPACES)
    before = after = ""
    body = text
    for left, right in ('""', "''", "{}", "()"):
        if len(body) > 1 and body[0] == left and body[-1] == right:
            before, body, after = before + left, body[1:-1], right + after
    if body[:9].lower() == "urn:uuid:":
        before, body = before + body[:9], body[9:]
    if len(body) == 36 and [len(p) for p in body.split("-")] == [8, 4, 4, 4, 12]:
        plain = body.replace("-", "")
        return (before, after, "dashed", body, bytes.fromhex(plain)) if set(plain) <= HEX else None
    if only_hex(body, 32, 32):
        return before, after, "plain", body, bytes.fromhex(body)
    if len(body) == 48 and body[0] == "\\":
        octets = read_hex_octets(body[1:].split("\\"))
        return octets and (before, after, "escaped", body, little(octets))
    if len(body) == 47:
        octets = read_hex_octets(body.split(" "))
        return octets and (before, after, "spaced", body, little(octets))
    return None


def read_sid(text):
    """(authority, [sub-authorities]) or None."""
    fields = text.strip(SPACES).split("-")
    if len(fields) < 4 or fields[0] not in ("S", "s") or fields[1] != "1" or len(fields) > 18:
        return None
    authority = fields[2]
    if authority[:2] in ("0x", "0X"):
        if not only_hex(authority[2:], 1, 12):
            return None
        authority = int(authority[2:], 16)
    elif authority and set(authority) <= DIGITS:
        authority = int(authority)
    else:
        return None
    if not all(f and set(f) <= DIGITS and int(f) < 2**32 for f in fields[3:]) or authority >= 2**48:
        return None
    return authority, [int(f) for f in fields[3:]]


SPECIAL = [ipaddress.ip_network(n) for n in (
    "0.0.0.0/32", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32",
    "::/128", "::1/128", "fe80::/10", "ff00::/8")]
LOCAL = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]
V4_MAPPED = ipaddress.ip_network("::ffff:0:0/96")


def inside(inner, outer):
    return inner.version == outer.version and inner.subnet_of(outer)


def read_address(text):
    """A network of full length, or None."""
    if "%" in text:
        text, zone = text.split("%", 1)
        if not zone or ":" not in text:
            return None
    try:
        return unmap(ipaddress.ip_network(ipaddress.ip_address(text)))
    except ValueError:
        return None


def unmap(net):
    if net.version == 6 and inside(net, V4_MAPPED):
        return ipaddress.IPv4Network((int(net.network_address) % 2**32, net.prefixlen - 96))
    return net


class Incident:
    def __init__(self, key):
        self.secret = key
        self.prk = hmac256(b"entra-bundle/pseudonyms/1", key)

    def subkey(self, label, length=32):
        return hkdf_expand(self.prk, b"entra-bundle/" + label.encode("ascii"), length)

    # -- basic forms

    def token_bytes(self, letter, data):
        digest = hmac256(self.subkey("token/" + letter), data)
        bits = format(int.from_bytes(digest[:8], "big") >> 4, "060b")
        body = "".join(SYMBOLS[int(bits[i:i + 5], 2)] for i in range(0, 60, 5))
        return f"{letter}-{body}{checksum(letter, body)}"

    def token(self, letter, text):
        return self.token_bytes(letter, canon(text).encode("utf-8"))

    def key_id(self, _):
        return self.subkey("key-id", 8).hex()

    def key_text(self, _):
        body = base64.b32encode(self.secret).decode("ascii").rstrip("=").lower()
        return f"entra-bundle-key-1:{body}:{zlib.crc32(self.secret):08x}"

    def from_org(self, incident_id):
        prk = hmac256(b"entra-bundle/pseudonyms/1/org", self.secret)
        return hkdf_expand(prk, b"entra-bundle/incident\0" + bytes.fromhex(incident_id), 32).hex()

    def tenant(self, guid):
        return self.token_bytes("t", bytes.fromhex(guid))

    def date_shift(self, max_days):
        value = int.from_bytes(self.subkey("date-shift", 8), "big") % (2 * max_days) - max_days
        return value + (value >= 0)

    def dictionary(self, entries):
        rows = {struct.pack("B", len(kind)) + kind.encode() + struct.pack(">I", len(text.encode())) + text.encode()
                for kind, text in entries}
        return hmac256(self.subkey("dictionary"), b"".join(sorted(rows)))[:16].hex()

    def thumbprint(self, text):
        text = text.strip(SPACES)
        if len(text) in (28, 44) and text.endswith("="):
            try:
                data = base64.b64decode(text, validate=True)
            except ValueError:
                return None
            if len(data) not in (20, 32) or base64.b64encode(data).decode() != text:
                return None
            return base64.b64encode(self.thumbprint_bytes(data)).decode()
        separator = text[2:3] if text[2:3] in (":", " ") else ""
        octets = text.split(separator) if separator else [text[i:i + 2] for i in range(0, len(text), 2)]
        data = read_hex_octets(octets)
        if data is None or not 16 <= len(data) <= 64:
            return None
        out = [as_hex(bytes([b]), upper_case(text)) for b in self.thumbprint_bytes(data)]
        return separator.join(out)

    def thumbprint_bytes(self, data):
        prk = hmac256(self.subkey("thumbprint"), data)
        return b"\xfa\xde" + hkdf_expand(prk, b"entra-bundle/thumbprint-out", len(data))[2:]

    # -- domains and hosts

    def domain(self, text):
        name = canon_domain(text)
        if name in ROUTES:
            return name
        labels = name.split(".")
        for size in (3, 2):  # the longest suffix first
            suffix = ".".join(labels[-size:])
            if len(labels) > size and suffix in ROUTES:
                label, tail = labels[-size - 1], ""
                if suffix.startswith("sharepoint"):
                    for ending in ("-my", "-admin"):
                        if label.endswith(ending) and label != ending:
                            label, tail = label[:-len(ending)], ending
                            break
                below = self.below(labels, len(labels) - size - 1)
                return ".".join(below + [self.token("d", label) + tail, ROUTES[suffix]])
        size = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in REGISTRIES else 2
        cut = max(0, len(labels) - size)
        return ".".join(self.below(labels, cut) + [self.token("d", ".".join(labels[cut:])), "example"])

    def below(self, labels, count):
        chosen = list(range(count))
        if count > 8:
            chosen = [0] + chosen[-7:]
        return [self.token("l", ".".join(labels[i:])) for i in chosen]

    def host(self, text):
        text = text.strip(SPACES)
        dollar = "$" if text.endswith("$") else ""
        name = canon_domain(text[:len(text) - len(dollar)])
        if "." not in name:
            return self.token("h", name) + dollar
        first, rest = name.split(".", 1)
        return self.token("h", first) + "." + self.domain(rest) + dollar

    # -- accounts

    def account(self, text, parts=ALL_PARTS):
        bare = text.strip(SPACES)
        pieces = bare.split("_")
        if (len(pieces) == 3 and pieces[0].lower() == "sync" and only_hex(pieces[2], 12, 12)
                and 1 <= len(pieces[1]) <= 15 and set(pieces[1]) <= LETTERS | DIGITS | {"-"}):
            return f"{pieces[0]}_{self.token('h', pieces[1])}_{pieces[2]}" if "host" in parts else text
        if len(pieces) == 2 and pieces[0].lower() in ("msol", "aad") and only_hex(pieces[1], 12, 12):
            return bare
        if bare[:9].lower() == "adsyncmsa" and only_hex(bare[9:].removesuffix("$"), 4, 8):
            return bare
        if bare.endswith("$"):
            return self.host(bare) if "host" in parts else text
        return self.token("u", bare) if "account" in parts else text

    def upn(self, text, parts=ALL_PARTS):
        if not parts:
            return text
        text = text.strip(SPACES)
        head, bar, rest = text.partition("|")
        code = head[2:] if head[:2].lower() in ("i:", "c:") else head
        if (bar and len(code) == 4 and code[0] == "0" and "!" <= code[1] <= "~" and code[2] == "."
                and code[3] in LETTERS):
            *issuers, value = rest.split("|")
            shown = [i if "org" not in parts or canon(i) in ISSUERS else self.token("o", i) for i in issuers]
            return "|".join([head] + shown + [self.claim(value, parts)])
        return self.netbios(text, parts)

    def claim(self, value, parts):
        owners = "_o" if value.endswith("_o") else ""
        guid = self.guid_text(value.removesuffix("_o"))
        if guid:
            return guid + owners
        return self.sid(value) or self.netbios(value, parts)

    def netbios(self, text, parts=ALL_PARTS):
        if not parts:
            return text
        if "\\" not in text:
            return self.mail(text, parts)
        domain, account = text.split("\\", 1)
        label = domain.strip(SPACES)
        if label in ("", "."):
            domain = label
        elif "domain" in parts:
            domain = self.domain(label) if "." in label else self.token("d", label)
        return domain + "\\" + self.mail(account, parts)

    def mail(self, text, parts):
        text = text.strip(SPACES)
        if "@" not in text:
            return self.local(text, parts)
        local, domain = text.rsplit("@", 1)
        if local[-5:].lower() == "#ext#" and len(local) > 5 and {"account", "domain"} & set(parts):
            home = local[:-5]
            user, line, dns = home.rpartition("_")
            if line and "." in dns and all(
                    label and all(c in LETTERS | DIGITS or c == "-" or ord(c) > 127 for c in label)
                    for label in dns.split(".")):
                home = self.local(user, parts) + "_" + self.maybe_domain(dns, parts)
            elif "account" in parts:
                home = self.token("u", home)
            return home + "#EXT#@" + self.maybe_domain(domain, parts)
        return self.local(local, parts) + "@" + self.maybe_domain(domain, parts)

    def maybe_domain(self, text, parts):
        return self.domain(text) if "domain" in parts and text.strip(SPACES) else text

    def local(self, text, parts):
        if not text.strip(SPACES):
            return text
        if len(text) > 32 and only_hex(text[:32], 32, 32) and "account" in parts:
            return self.guid_text(text[:32]) + self.account(text[32:], parts)
        return self.account(text, parts)

    def proxy_address(self, text, parts=ALL_PARTS):
        if not parts:
            return text
        text = text.strip(SPACES)
        prefix, colon, tail = text.partition(":")
        kind = prefix.lower()
        if not colon or kind not in PREFIXES:
            return self.legacy_dn(text, parts) or self.upn(text, parts)
        result = None
        if not tail.strip(SPACES):
            result = tail
        elif kind == "x500":
            result = self.legacy_dn(tail, parts) or self.dn(tail, parts=parts)
        elif kind == "spo":
            halves = [(h[:4], self.guid_text(h[4:])) for h in tail.split("@", 1)]
            if len(halves) == 2 and all(p.lower() == "spo_" and g for p, g in halves):
                result = "@".join(p + g for p, g in halves)
        elif kind != "x400" and "@" in tail:
            result = self.upn(tail, parts)
        return f"{prefix}:{self.token('a', tail) if result is None else result}"

    def legacy_dn(self, text, parts=ALL_PARTS):
        text = text.strip(SPACES)
        if not text.startswith("/"):
            return None
        segments = [s.split("=", 1) for s in text[1:].split("/")]
        if any(len(s) != 2 or s[0].lower() not in ("o", "ou", "cn") for s in segments):
            return None
        known = {
            "cn": ("recipients", "configuration"), "o": ("exchangelabs",),
            "ou": ("exchange administrative group (fydibohf23spdlt)", "external (fydibohf25spdlt)",
                   "first administrative group")}
        out = ""
        for position, (name, value) in enumerate(segments, 1):
            word = canon(value)
            if word and word not in known[name.lower()]:
                if name.lower() == "cn" and position == len(segments):
                    value = self.recipient(value, parts)
                elif "org" in parts:
                    value = self.token("o", value)
            out += f"/{name}={value}"
        return out

    def recipient(self, value, parts):
        if "account" in parts and only_hex(value[:32], 32, 32):
            if len(value) == 32:
                return self.guid_text(value)
            if value[32] == "-" and len(value) > 33:
                return self.guid_text(value[:32]) + "-" + self.account(value[33:], parts)
        return self.account(value, parts)

    # -- distinguished names

    def dn(self, text, leaf="person", parts=ALL_PARTS):
        source, rest, out = text, text.strip(SPACES), ""
        if not rest:
            return None
        while rest.startswith("<"):
            inner, end, rest = rest[1:].partition(">")
            name, equals, value = inner.partition("=")
            if not end or not equals:
                return None
            value = self.extended(name.upper(), value)
            if value is None:
                return None
            out += f"<{name.upper()}={value}>"
            rest = rest.lstrip(SPACES)
            if rest.startswith(";"):
                out, rest = out + ";", rest[1:].lstrip(SPACES)
            elif rest:
                return None
        rdns = [] if out and not rest else split_dn(rest)
        if rdns is None:
            return None
        if not parts:
            return source
        # Subjects of certificates begin with an address or a number; the name stands behind it.
        beside = {"E", "EMAIL", "EMAILADDRESS", "MAIL", "SERIALNUMBER", "T", "TITLE"}
        first = next((at for at, rdn in enumerate(rdns) if any(pair[0] not in beside for pair in rdn)), 0)
        hidden = set(parts) | {"org"} if "person" in parts else parts
        written, run = [], []
        for index, rdn in enumerate(rdns + [None]):
            if rdn and len(rdn) == 1 and rdn[0][0] == "DC" and "domain" in parts:
                run.append(rdn[0][2])
                continue
            if run:
                written += ["DC=" + label for label in self.domain(".".join(run)).split(".")]
                run = []
            if rdn:
                written.append("+".join(
                    f"{name}={self.dn_value(name, raw, value, leaf if index == 0 else None, hidden if 0 < index == first else parts)}"
                    for name, raw, value in rdn))
        return out + ",".join(written)

    def extended(self, name, value):
        if name == "GUID":
            if only_hex(value, 32, 32):
                return as_hex(little(self.guid_bytes(little(bytes.fromhex(value)))), upper_case(value))
            return None if len(value) == 32 else self.guid_text(value)
        if name == "SID":
            return self.sid(value) or self.binary_sid(value)
        return None

    def dn_value(self, name, raw, value, leaf, parts):
        if name in ("CN", "OU") and canon(value) in BUILT_IN:
            return raw
        if name == "CN":
            needed = "org" if leaf is None else "host" if leaf == "host" else "person"
            return self.common_name(value, leaf) if needed in parts else raw
        if name in ("OU", "O"):
            return self.token("o", value) if "org" in parts else raw
        if name == "UID":
            return self.token("u", value) if "account" in parts else raw
        if name in ("E", "EMAIL", "EMAILADDRESS", "MAIL"):
            if not {"account", "domain"} & set(parts):
                return raw
            return "".join(
                "\\" + c if c in '"+,;<>\\=#' else f"\\{ord(c):02X}" if ord(c) < 32 or ord(c) == 127 else c
                for c in self.upn(value, parts))
        if name == "DC" and "domain" not in parts:
            return raw
        return self.token("a", value)

    def common_name(self, value, leaf):
        for mark in ("DEL:", "CNF:"):
            name, found, guid = value.rpartition("\n" + mark)
            if found and self.guid_text(guid):
                return self.plain_name(name, leaf) + "\\0A" + mark + self.guid_text(guid)
        connector = self.connector("CN=" + value)
        if connector:
            return connector[3:]
        return self.sid(value) or self.guid_text(value) or self.plain_name(value, leaf)

    def plain_name(self, value, leaf):
        if leaf == "host":
            return self.host(value)
        return self.token({"person": "n", "group": "g", None: "o"}[leaf], value)

    # -- GUIDs and SIDs

    def guid_bytes(self, guid):
        out = bytearray(hmac256(self.subkey("guid"), guid)[:16])
        out[:2] = b"\xfa\xde"
        out[6] = out[6] % 16 + 0x80
        out[8] = out[8] % 64 + 0x80
        return bytes(out)

    def guid(self, text):
        return self.guid_bytes(bytes.fromhex(text)).hex()

    def guid_text(self, text):
        found = read_guid(text)
        if not found:
            return None
        before, after, form, body, guid = found
        guid, upper = self.guid_bytes(guid), upper_case(body)
        octets = [as_hex(bytes([b]), upper) for b in little(guid)]
        plain = as_hex(guid, upper)
        written = {
            "plain": plain, "spaced": " ".join(octets), "escaped": "".join("\\" + o for o in octets),
            "dashed": "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))}
        return before + written[form] + after

    def anchor(self, text):
        text = text.strip(SPACES)
        try:
            data = base64.b64decode(text, validate=True)
        except ValueError:
            return None
        if len(data) != 16 or base64.b64encode(data).decode() != text:
            return None
        return base64.b64encode(little(self.guid_bytes(little(data)))).decode()

    def connector(self, text):
        text = text.strip(SPACES)
        body = text[4:-1]
        if text[:4].lower() != "cn={" or text[-1:] != "}" or len(body) % 2 or not only_hex(body, 0, 256):
            return None
        inner = bytes.fromhex(body).decode("utf-8", "replace")
        prefix, line, guid = inner.partition("_")
        if line and prefix.lower() in ("device", "user", "group", "contact"):
            mapped = self.guid_text(guid) and prefix + "_" + self.guid_text(guid)
        else:
            mapped = self.anchor(inner)
        return mapped and text[:4] + as_hex(mapped.encode(), upper_case(body)) + "}"

    def sid(self, text):
        found = read_sid(text)
        if not found:
            return None
        mapped = self.map_sid(*found)
        if not mapped:
            return mapped
        if mapped == found:
            return text.strip(SPACES)
        return "-".join([text.strip(SPACES)[0], "1", str(mapped[0])] + [str(n) for n in mapped[1]])

    def binary_sid(self, text):
        if len(text) % 2 or not only_hex(text, 24, 136):
            return None
        data = bytes.fromhex(text)
        if data[0] != 1 or len(data) != 8 + 4 * data[1]:
            return None
        words = list(struct.unpack(f"<{data[1]}I", data[8:]))
        mapped = self.map_sid(int.from_bytes(data[2:8], "big"), words)
        if mapped is None:
            return None
        packed = struct.pack(f"<{len(mapped[1])}I", *mapped[1])
        return as_hex(bytes([1, len(mapped[1])]) + mapped[0].to_bytes(6, "big") + packed, upper_case(text))

    def map_sid(self, authority, words):
        """The mapped SID; the same for one that is kept; None for an incomplete one."""
        if authority == 12 and words[0] == 1 and len(words) > 1:
            if len(words) != 5:
                return None
            guid = self.guid_bytes(little(struct.pack("<4I", *words[1:])))
            return 12, [1, *struct.unpack("<4I", little(guid))]
        if authority != 5 or words[0] != 21 or len(words) == 1 or words[1:4] == [0, 0, 0]:
            return authority, words
        if len(words) < 4:
            return None
        domain = struct.pack("<3I", *words[1:4])
        a, b, c = struct.unpack(">HII", hmac256(self.subkey("sid-domain"), domain)[:10])
        return 5, [21, 0xFADE0000 + a, b, c] + [self.rid(domain, rid) for rid in words[4:]]

    def rid(self, domain, rid):
        key = hmac256(self.subkey("sid-rid"), domain)
        x = rid
        while rid >= 1000:
            left, right = divmod(x, 2**16)
            for i in range(12):
                mask = struct.unpack(">H", hmac256(key, struct.pack(">BH", i, right))[:2])[0]
                left, right = right, left ^ mask
            x = left * 2**16 + right
            if x >= 1000:
                break
        return x

    # -- addresses

    def map_net(self, net):
        """A network, or a token, or None for a kept one."""
        length, base = net.prefixlen, net.network_address
        if length == 0 or any(inside(net, s) for s in SPECIAL):
            return None
        around = any(inside(block, net) and block != net for block in SPECIAL + LOCAL + [V4_MAPPED])
        if around or (net.version == 6 and length < 32):
            return self.token_bytes("i", bytes([net.version]) + base.packed + bytes([length]))
        if net.version == 4:
            private = any(inside(net, block) for block in LOCAL)
            bits = self.flip("ip4-private" if private else "ip4", format(int(base), "032b"), 0)
            high = "2001:db8:5::" if private else "2001:db8:4::"
            return self.cut(int(ipaddress.ip_address(high)) + int(bits, 2), 96 + length)
        bits = self.flip("ip6", format(int(base), "0128b"), 32)
        high = struct.unpack(">H", hmac256(self.subkey("ip6-high"), base.packed[:4])[:2])[0] >> 4
        return self.cut(int("3fff0" + format(high, "03x"), 16) * 2**96 + int(bits[32:], 2), length)

    @staticmethod
    def cut(value, length):
        return ipaddress.ip_network((value, length), strict=False)

    def flip(self, label, bits, first):
        key, out = self.subkey(label), ""
        for i, bit in enumerate(bits):
            flipped = 0
            if i >= first:
                before = bits[:i].ljust(len(bits), "0")
                message = bytes([i]) + int(before, 2).to_bytes(len(bits) // 8, "big")
                flipped = hmac256(key, message)[0] >> 7
            out += str(int(bit) ^ flipped)
        return out

    def map_address(self, net):
        mapped = self.map_net(net)
        return (net if mapped is None else mapped).network_address

    def network(self, text):
        text = text.strip(SPACES)
        if "/" not in text:
            return self.address(text)
        base, length = text.split("/", 1)
        if not (1 <= len(length) <= 3 and set(length) <= DIGITS) or "%" in base:
            return None
        try:
            net = ipaddress.ip_network((ipaddress.ip_address(base).packed, int(length)), strict=False)
        except ValueError:
            return None
        net = unmap(net)
        mapped = self.map_net(net)
        return str(net if mapped is None else mapped)

    def address(self, text):
        text = text.strip(SPACES)
        return self.dashed(text) or self.reverse(text) or self.with_port(text)

    def with_port(self, text):
        bracket = text.startswith("[")
        if bracket:
            host, end, port = text[1:].partition("]")
            if not end:
                return None
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
            port = ":" + port
        else:
            host, port = text, ""
        if port and not (port[0] == ":" and 1 <= len(port[1:]) <= 5 and set(port[1:]) <= DIGITS
                         and int(port[1:]) < 65536):
            return None
        net = read_address(host)
        if net is None:
            return None
        out = self.map_address(net)
        return (f"[{out}]" if out.version == 6 and (bracket or port) else str(out)) + port

    def dashed(self, text):
        separator = next((c for c in text if c in "-_"), None)
        if separator is None:
            return None
        prefix = text[:3] if text[:3].lower() == "ip" + separator else ""
        body = text[len(prefix):]
        net = read_address(body.replace(separator, ".")) if not set(".:") & set(body) else None
        if net is None:
            return None
        return prefix + str(self.map_address(net)).replace(":", separator).replace(".", separator)

    def reverse(self, text):
        dot = "." if text.endswith(".") else ""
        name = text[:len(text) - len(dot)].lower()
        if name.endswith(".in-addr.arpa"):
            net = read_address(".".join(reversed(name.removesuffix(".in-addr.arpa").split("."))))
            if net is None or net.version != 4:
                return None
        elif name.endswith(".ip6.arpa"):
            nibbles = name.removesuffix(".ip6.arpa").split(".")
            if len(nibbles) != 32 or not all(only_hex(n, 1, 1) for n in nibbles):
                return None
            net = unmap(ipaddress.ip_network(int("".join(reversed(nibbles)), 16).to_bytes(16, "big")))
        else:
            return None
        if self.map_net(net) is None:
            return name + dot
        return ".".join(reversed(self.map_address(net).packed.hex())) + ".ip6.arpa" + dot

    def mac(self, text):
        text = text.strip(SPACES)
        if "-" in text or ":" in text:
            separator = next(c for c in text if c in "-:")
            data = read_hex_octets(text.split(separator))
        elif "." in text:
            groups = text.split(".")
            data = bytes.fromhex("".join(groups)) if all(only_hex(g, 4, 4) for g in groups) else None
        else:
            data = bytes.fromhex(text) if len(text) % 2 == 0 and only_hex(text, 1, 16) else None
        if data is None or len(data) not in (6, 8):
            return None
        return text if data[0] & 1 or not any(data) else self.token_bytes("m", data)


def split_dn(text):
    """RDNs as lists of (TYPE, value as written, decoded value), or None."""
    rdns, current, position = [], [], 0
    while True:
        equals = text.find("=", position)
        if equals < 0:
            return None
        name = text[position:equals].strip(" ")
        oid = "." in name and set(name) <= DIGITS | {"."}
        if not oid and not (name[:1] in LETTERS and name and set(name) <= LETTERS | DIGITS | {"-"}):
            return None
        if len(name) > (64 if oid else 20):
            return None
        begin = equals + 1
        while text[begin:begin + 1] == " ":
            begin += 1
        at, atoms, quoted, closed = begin, [], text[begin:begin + 1] == '"', False
        at += quoted
        # An atom is (bytes, whether it is a plain space that may be trimmed, where it ends).
        while at < len(text):
            c = text[at]
            if quoted and not closed and c == '"':
                closed, at = True, at + 1
                continue
            if c in ",+" and (closed or not quoted):
                break
            if closed and c != " " or c == '"':
                return None
            if closed:
                at += 1
            elif c == "\\":
                pair = text[at + 1:at + 3]
                if only_hex(pair, 2, 2):
                    atoms.append((bytes.fromhex(pair), False, at + 3))
                    at += 3
                elif pair and pair[0].isascii() and not pair[0].isalnum():
                    atoms.append((pair[0].encode(), False, at + 2))
                    at += 2
                else:
                    return None
            else:
                atoms.append((c.encode("utf-8"), c == " " and not quoted, at + 1))
                at += 1
        if quoted and not closed:
            return None
        while atoms and atoms[-1][1]:
            atoms.pop()
        if quoted:
            raw = text[begin:text.rindex('"', begin, at) + 1]
        else:
            raw = text[begin:atoms[-1][2]] if atoms else ""
        try:
            value = b"".join(a[0] for a in atoms).decode("utf-8")
        except UnicodeDecodeError:
            return None
        current.append((name.upper(), raw, value))
        if at == len(text) or text[at] == ",":
            rdns.append(current)
            current = []
        if at == len(text):
            return rdns
        position = at + 1


def compute(entry, keys):
    incident = Incident(keys[entry.get("key", 0)])
    name, value = entry["function"], entry["input"]
    if name in ("canon", "canon_domain", "is_token"):
        return globals()[name](value)
    if name == "token":
        return incident.token(entry["letter"], value)
    if name == "token_bytes":
        return incident.token_bytes(entry["letter"], bytes.fromhex(value))
    extra = {k: entry[k] for k in ("leaf", "parts") if k in entry}
    return getattr(incident, name)(value, **extra)


def main():
    table = json.loads(FILE.read_text("utf-8"))
    keys = [bytes.fromhex(k) for k in table["keys"]]
    wrong = 0
    for entry in table["vectors"]:
        output = compute(entry, keys)
        if "--write" in sys.argv:
            entry["output"] = output
        elif entry["output"] != output:
            wrong += 1
            print(json.dumps({**entry, "recomputed": output}, ensure_ascii=True))
    if "--write" in sys.argv:
        head = json.dumps({k: v for k, v in table.items() if k != "vectors"}, indent=1)[:-2]
        rows = ",\n".join("  " + json.dumps(e, ensure_ascii=True) for e in table["vectors"])
        FILE.write_text(f'{head},\n "vectors": [\n{rows}\n ]\n}}\n', "utf-8")
    print(f"{len(table['vectors'])} entries, {wrong} differences")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
