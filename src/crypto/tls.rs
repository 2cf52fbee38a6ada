//! TLS: which library does its cryptography.

/// Makes `ring` the cryptography of all TLS connections of this process. Building a client without
/// it panics; calling it again changes nothing.
pub fn use_ring_for_tls() {
    // An error only says that somebody was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
