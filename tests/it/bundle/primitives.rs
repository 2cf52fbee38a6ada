//! Public vectors of the primitives: what we support passes case by case; the rest is counted.

use entra_bundle::bundle::{attestation, merkle};
use entra_bundle::crypto::{Aead, Hkdf, MacKey, PublicKey};
use serde_json::Value;
use std::path::PathBuf;

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn base64(value: &Value) -> Vec<u8> {
    data_encoding::BASE64.decode(value.as_str().unwrap_or_default().as_bytes()).unwrap()
}

/// Every case of a Wycheproof file with its group.
fn wycheproof(test: &str, file: &str, count: usize) -> Option<Vec<(Value, Value)>> {
    let shared = crate::shared::folder(test)?;
    let vectors = json(shared.join(format!("vectors/wycheproof/{file}_test.json")));
    let mut cases = Vec::new();
    for group in vectors["testGroups"].as_array().unwrap() {
        let mut about = group.clone();
        about.as_object_mut().unwrap().remove("tests");
        cases.extend(group["tests"].as_array().unwrap().iter().map(|case| (about.clone(), case.clone())));
    }
    assert_eq!(cases.len(), count, "{file}");
    Some(cases)
}

#[test]
fn hmac_and_hkdf_agree_with_wycheproof() {
    let test = "hmac_and_hkdf_agree_with_wycheproof";
    let Some(cases) = wycheproof(test, "hmac_sha256", 174) else { return };
    for (group, case) in &cases {
        let tag = MacKey::new(&bytes(&case["key"])).mac(&bytes(&case["msg"]));
        // Tags of 128 bits are the first half.
        let length = group["tagSize"].as_u64().unwrap() as usize / 8;
        assert_eq!(tag[..length] == bytes(&case["tag"]), case["result"] == "valid", "{}", case["tcId"]);
    }
    let Some(cases) = wycheproof(test, "hkdf_sha256", 86) else { return };
    for (_, case) in &cases {
        let mut out = vec![0; case["size"].as_u64().unwrap() as usize];
        let done = Hkdf::extract(&bytes(&case["salt"]), &bytes(&case["ikm"]))
            .expand(&bytes(&case["info"]), &mut out);
        let good = done.is_ok() && out == bytes(&case["okm"]);
        assert_eq!(good, case["result"] == "valid", "{}", case["tcId"]);
    }
}

#[test]
fn aes_gcm_agrees_with_wycheproof() {
    let Some(cases) = wycheproof("aes_gcm_agrees_with_wycheproof", "aes_gcm", 316) else { return };
    let (mut seen, mut unsupported) = (0, 0);
    for (group, case) in &cases {
        // Supported is what the workspace uses: keys of 256 bits, nonces of 96, tags of 128.
        if (&group["keySize"], &group["ivSize"], &group["tagSize"]) != (&256.into(), &96.into(), &128.into())
        {
            unsupported += 1;
            continue;
        }
        seen += 1;
        let aead = Aead::new(&bytes(&case["key"]).try_into().unwrap()).unwrap();
        let nonce: [u8; 12] = bytes(&case["iv"]).try_into().unwrap();
        let mut text = [bytes(&case["ct"]), bytes(&case["tag"])].concat();
        let opened = aead.open_nonce(nonce, &bytes(&case["aad"]), &mut text);
        let good = opened.is_ok_and(|plain| *plain == bytes(&case["msg"]));
        assert_eq!(good, case["result"] == "valid", "{}", case["tcId"]);
    }
    assert_eq!((seen, unsupported), (66, 250));
}

#[test]
fn what_is_not_supported_is_counted() {
    let test = "what_is_not_supported_is_counted";
    // Signatures as r‖s (P1363): our envelopes hold DER, so none of them counts.
    let Some(cases) = wycheproof(test, "ecdsa_secp256r1_sha256_p1363", 262) else { return };
    for (group, case) in &cases {
        let key = PublicKey::from_spki(&bytes(&group["publicKeyDer"])).unwrap();
        let der = bytes(&case["sig"]).first() == Some(&0x30) && case["result"] != "valid";
        assert!(!key.verify(&bytes(&case["msg"]), &bytes(&case["sig"])) || der, "{}", case["tcId"]);
    }
    // ChaCha20-Poly1305 is used inside age alone, which has its own vectors.
    let Some(cases) = wycheproof(test, "chacha20_poly1305", 325) else { return };
    assert_eq!(cases.len(), 325);
}

#[test]
fn edge_cases_of_ed25519_are_frozen() {
    let Some(shared) = crate::shared::folder("edge_cases_of_ed25519_are_frozen") else { return };
    let cases = json(shared.join("vectors/cctv/ed25519vectors.json"));
    let (mut refused, mut accepted, mut rejected) = (0, 0, 0);
    for case in cases.as_array().unwrap() {
        let spki = [
            &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..],
            &bytes(&case["key"]),
        ]
        .concat();
        let flag = |name: &str| case["flags"].as_array().is_some_and(|all| all.iter().any(|f| f == name));
        match PublicKey::from_spki(&spki) {
            Err(_) => {
                assert!(flag("low_order_A"), "{}", case["number"]);
                refused += 1;
            }
            Ok(key) => {
                assert!(!flag("low_order_A"), "{}", case["number"]);
                let message = case["msg"].as_str().unwrap().as_bytes();
                if key.verify(message, &bytes(&case["sig"])) { accepted += 1 } else { rejected += 1 }
            }
        }
    }
    // Keys of small order, which verify almost anything, are never imported. What is accepted of the rest
    // depends on the library; it is frozen, so that a change is noticed.
    assert_eq!((refused, accepted, rejected), (526, 86, 302));
}

#[test]
fn the_published_dsse_vector_verifies() {
    let Some(shared) = crate::shared::folder("the_published_dsse_vector_verifies") else { return };
    let vector = json(shared.join("vectors/dsse/protocol-vector.json"));
    let text = |name: &str| vector[name].as_str().unwrap().to_owned();
    let message = attestation::pae(&text("payloadType"), text("payload_utf8").as_bytes());
    assert_eq!(message, bytes(&vector["pae_hex"]));
    let key = PublicKey::from_spki(&base64(&vector["key"]["spki_base64"])).unwrap();
    assert_eq!(key.fingerprint(), format!("sha256:{}", vector["key"]["spki_sha256"].as_str().unwrap()));
    assert!(key.verify(&message, &base64(&vector["signature"]["der_base64"])));
    assert!(!key.verify(&message, &base64(&vector["signature"]["base64"])), "r‖s is another encoding");
}

#[test]
fn inclusion_proofs_hold_or_fail_as_published() {
    let Some(shared) = crate::shared::folder("inclusion_proofs_hold_or_fail_as_published") else { return };
    let cases = json(shared.join("vectors/merkle/inclusion-proofs.json"));
    let cases = cases.as_array().unwrap_or_else(|| cases["cases"].as_array().unwrap()).clone();
    assert_eq!(cases.len(), 98);
    let mut held = 0;
    for case in &cases {
        let number = |name: &str| case[name].as_i64().and_then(|n| u64::try_from(n).ok()).unwrap_or(u64::MAX);
        let hashes: Option<Vec<[u8; 32]>> = case["proof"]
            .as_array()
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .map(|hash| base64(hash).try_into().ok())
            .collect();
        let leaf: Option<[u8; 32]> = base64(&case["leafHash"]).try_into().ok();
        let root = leaf
            .zip(hashes)
            .and_then(|(leaf, hashes)| merkle::root_of(leaf, number("leafIdx"), number("treeSize"), &hashes));
        let good = root.is_some_and(|root| root.to_vec() == base64(&case["root"]));
        assert_eq!(good, case["wantErr"] == false, "{} {}", case["file"], case["desc"]);
        held += usize::from(good);
    }
    assert_eq!(held, 6);
}
