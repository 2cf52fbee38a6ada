//! MAC addresses: one token per address, whatever its dress. A form that kept the dress would have
//! too few bits to be free of collisions.

use super::token::{Letter, Pseudonymizer, hex_byte, hex_bytes};

impl Pseudonymizer {
    /// Token of a MAC address of 6 or 8 bytes: separated by `-` or `:`, in Cisco's groups of four
    /// (`001a.2b3c.4d5e`), or plain hex. All-zero, multicast and broadcast addresses stay. `None` if
    /// it is no MAC address.
    pub fn mac(&self, s: &str) -> Option<String> {
        let s = s.trim();
        if s.len() > 23 || !s.is_ascii() {
            return None;
        }
        let bytes = if let Some(separator) = s.chars().find(|c| matches!(c, '-' | ':')) {
            s.split(separator).map(hex_byte).collect::<Option<Vec<u8>>>()?
        } else if s.contains('.') {
            let groups: Vec<&str> = s.split('.').collect();
            if groups.iter().any(|group| group.len() != 4) {
                return None;
            }
            hex_bytes(&groups.concat())?
        } else {
            hex_bytes(s)?
        };
        match bytes.as_slice() {
            [first, ..]
                if !matches!(bytes.len(), 6 | 8) || *first & 1 == 1 || bytes.iter().all(|b| *b == 0) =>
            {
                matches!(bytes.len(), 6 | 8).then(|| s.to_owned())
            }
            [] => None,
            bytes => Some(self.token_bytes(Letter::M, bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::sample;

    #[test]
    fn mac_addresses_agree_in_every_dress() {
        let names = sample();
        let token = names.mac("00-1A-2B-3C-4D-5E").unwrap();
        for same in ["00:1a:2b:3c:4d:5e", "001a.2b3c.4d5e", "001A2B3C4D5E"] {
            assert_eq!(names.mac(same).unwrap(), token);
        }
        assert!(names.mac("02-1A-2B-FF-FE-3C-4D-5E").unwrap().starts_with("m-"));
        assert!(names.mac("FA-DE-00-00-00-01").unwrap().starts_with("m-"));
        for kept in ["00-00-00-00-00-00", "ff:ff:ff:ff:ff:ff", "01005e000001"] {
            assert_eq!(names.mac(kept).as_deref(), Some(kept));
        }
        for wrong in ["00-1A-2B-3C-4D", "00-1A:2B-3C-4D-5E", "001a.2b3c4d5e", "01", "001A2B3C4D5"] {
            assert_eq!(names.mac(wrong), None);
        }
    }
}
