//! The simulated directory of the proof: persons, machines, groups and a domain, from a seed.

use data_encoding::{BASE64, HEXUPPER};

/// SplitMix64: small, seeded, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    pub fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(self.below(16) as u32, 16).unwrap()).collect()
    }

    pub fn guid(&mut self) -> [u8; 16] {
        let mut guid = [0; 16];
        for half in guid.chunks_mut(8) {
            half.copy_from_slice(&self.next().to_be_bytes());
        }
        guid[6] = guid[6] & 0x0f | 0x40;
        guid[8] = guid[8] & 0x3f | 0x80;
        guid
    }
}

/// Somebody in the directory.
#[derive(Clone)]
pub struct Person {
    pub given: String,
    pub surname: String,
    pub name: String,
    pub upn: String,
    pub mail: String,
    pub sam: String,
    pub id: [u8; 16],
    pub anchor: [u8; 16],
    pub sid: String,
    pub puid: String,
    pub host: String,
    pub device: [u8; 16],
    pub group: String,
    pub group_id: [u8; 16],
    pub employee: String,
    pub ip4: String,
    pub ip6: String,
    pub mac: String,
    pub phone: String,
}

const GIVEN: &[&str] = &[
    "Greta", "Søren", "José", "Anna", "Zoë", "Mehmet", "Aiko", "Lars", "Chloé", "Ivan", "Noémie", "Bjørn",
    "Ana", "Kwame", "Priya", "Łukasz", "Jürgen", "Maëlle", "Tomás", "Ingrid", "Øystein", "Renée", "Yusuf",
    "Siobhán", "Dmitri", "Hana",
];
const SURNAME: &[&str] = &[
    "Schmidtbauer",
    "O'Brannigan",
    "Garcíandia",
    "Weberling",
    "Lindqvistad",
    "Yılmazer",
    "Takahashida",
    "Petterssen",
    "Dufresnay",
    "Kowalczuk",
    "Nakamurai",
    "Hernándezo",
    "van der Bergh",
    "Oyelarani",
    "Chatterjeez",
    "Müllerhof",
    "Fitzgeraldo",
    "Novotnyk",
    "Bergstrøm",
    "Al-Rashidi",
    "D'Alessio",
    "Schönefeld",
    "Papadakisz",
    "Quackenbush",
];

/// Lower-case ASCII letters of a name.
pub fn plain(name: &str) -> String {
    name.chars()
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'ø' | 'ö' | 'ó' => 'o',
            'é' | 'ë' => 'e',
            'á' => 'a',
            'í' | 'ı' => 'i',
            'ü' | 'ú' => 'u',
            'ł' => 'l',
            c => c,
        })
        .filter(char::is_ascii_alphabetic)
        .collect()
}

pub const DOMAIN: &str = "contoso-works.com";
pub const TENANT: &str = "contosoworks.onmicrosoft.com";
pub const NETBIOS: &str = "CONTOSOWORKS";
pub const AD_DOMAIN: &str = "corp.contoso-works.com";

/// `count` persons, all different.
pub fn people(seed: u64, count: usize) -> Vec<Person> {
    let mut random = Random(seed);
    let domain_sid =
        format!("S-1-5-21-{}-{}-{}", random.next() >> 32, random.next() >> 32, random.next() >> 32);
    (0..count)
        .map(|n| {
            let (given, surname) = (*random.pick(GIVEN), *random.pick(SURNAME));
            // A middle part in letters keeps names apart however many there are.
            let middle: String = base26(n);
            let surname = format!("{surname}{middle}");
            let (g, s) = (plain(given), plain(&surname));
            let device = random.hex(5).to_uppercase();
            Person {
                name: format!("{given} {surname}"),
                upn: format!("{g}.{s}@{DOMAIN}"),
                mail: format!("{s}.{g}@mail.{DOMAIN}"),
                sam: format!("{}{s}{n}", &g[..1]).chars().take(20).collect(),
                id: random.guid(),
                anchor: random.guid(),
                sid: format!("{domain_sid}-{}", 1104 + n),
                puid: format!("10032000{}", random.hex(8).to_uppercase()),
                host: format!("LAPTOP-{device}{n}"),
                device: random.guid(),
                group: format!(
                    "Project {} {}",
                    surname,
                    random.pick(&["Falcon", "Heron", "Merlin", "Kestrel"])
                ),
                group_id: random.guid(),
                employee: format!("EMP-{:06}", 104_729 + n * 7),
                ip4: format!(
                    "{}.{}.{}.{}",
                    // No loopback address: those stay.
                    Some(80 + random.below(90)).filter(|first| *first != 127).unwrap_or(128),
                    random.below(256),
                    random.below(256),
                    1 + random.below(254)
                ),
                ip6: format!(
                    "2a01:{}:{}:{}::{}",
                    random.hex(3),
                    random.hex(4),
                    random.hex(3),
                    1 + random.below(4000)
                ),
                mac: (0..6)
                    .map(|at| if at == 0 { "3c".to_owned() } else { random.hex(2) })
                    .collect::<Vec<_>>()
                    .join("-")
                    .to_uppercase(),
                phone: format!("+49 151 2{:07}", random.below(10_000_000)),
                given: given.to_owned(),
                surname,
            }
        })
        .collect()
}

fn base26(mut n: usize) -> String {
    let mut out = String::new();
    loop {
        out.push(char::from(b'a' + (n % 26) as u8));
        n /= 26;
        if n == 0 {
            return out;
        }
    }
}

/// `8-4-4-4-12`.
pub fn dashed(guid: &[u8; 16]) -> String {
    let hex = data_encoding::HEXLOWER.encode(guid);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The little-endian order of the same GUID.
pub fn little(guid: &[u8; 16]) -> [u8; 16] {
    let mut out = *guid;
    out[..4].reverse();
    out[4..6].reverse();
    out[6..8].reverse();
    out
}

pub fn anchor(guid: &[u8; 16]) -> String {
    BASE64.encode(&little(guid))
}

pub fn entra_sid(guid: &[u8; 16]) -> String {
    let words: Vec<String> =
        little(guid).chunks(4).map(|c| u32::from_le_bytes(c.try_into().unwrap()).to_string()).collect();
    format!("S-1-12-1-{}", words.join("-"))
}

pub fn connector(guid: &[u8; 16]) -> String {
    format!("CN={{{}}}", HEXUPPER.encode(anchor(guid).as_bytes()))
}
