//! MD5, which storage services use to notice damage on the way. It protects nothing.

use md5::Digest as _;

/// MD5 of `bytes`.
pub fn md5(bytes: &[u8]) -> [u8; 16] {
    md5::Md5::digest(bytes).into()
}

/// MD5 over a stream.
#[derive(Clone, Default)]
pub struct Md5(md5::Md5);

impl Md5 {
    /// An empty digest.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes added.
    pub fn finish(self) -> [u8; 16] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_1321_come_out() {
        assert_eq!(crate::crypto::hex(&md5(b"")), "d41d8cd98f00b204e9800998ecf8427e");
        let mut stream = Md5::new();
        stream.update(b"message ");
        stream.update(b"digest");
        assert_eq!(crate::crypto::hex(&stream.finish()), "f96b697d7cb7938d525a2f31aaf161d0");
    }
}
