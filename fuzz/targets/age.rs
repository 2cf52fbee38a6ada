//! An encrypted file of any bytes, and any bytes inside one: an answer, and never more than was sealed.
#![no_main]
use entra_bundle::bundle::medium::Medium;
use entra_bundle::bundle::{Check, Trust, encrypted, verify_medium};
use entra_bundle::crypto::encryption::{Identities, Recipients};
use std::io::Write as _;
use std::sync::{Arc, LazyLock};

/// The key of the public test vectors of age; no secret.
const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

static MINE: LazyLock<Identities> = LazyLock::new(|| {
    let mut identities = Identities::none();
    identities.add_file(IDENTITY).unwrap();
    identities
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let check = Check { identities: MINE.clone(), ..Check::new(Trust::none()) };
    // As it is, as the rest of a header that begins well, and armoured.
    let begun = [b"age-encryption.org/v1\n", bytes].concat();
    let armour = [b"-----BEGIN AGE ENCRYPTED FILE-----\n", bytes, b"\n-----END AGE ENCRYPTED FILE-----\n"].concat();
    for file in [bytes.to_vec(), begun, armour] {
        let outcome = verify_medium(Arc::new(file), &check).unwrap();
        assert!(outcome.code() != 0 && outcome.verified.is_none());
    }
    let (mut writer, _) = Recipients::keys([RECIPIENT]).unwrap().encrypt(Vec::new()).unwrap();
    writer.write_all(bytes).unwrap();
    let opened = encrypted::open(Arc::new(writer.finish().unwrap()), &MINE).unwrap();
    let mut plain = vec![0; bytes.len()];
    opened.plain.read_exact_at(0, &mut plain).unwrap();
    assert_eq!((plain.as_slice(), opened.plain.len().unwrap()), (bytes, bytes.len() as u64));
});
