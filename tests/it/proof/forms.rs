//! Every way in which an identifier is written (the alias rows), with the pseudonym it must become.

use super::people::{
    AD_DOMAIN, DOMAIN, NETBIOS, Person, Random, TENANT, anchor, connector, dashed, entra_sid, little, plain,
};
use entra_bundle::privacy::{Letter, Parts, Pseudonymizer};

/// What goal a kind of value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Known by its shape: nothing may be missed.
    Typed,
    /// Known from the directory.
    Named,
    /// Locked: nothing may be missed.
    Secret,
}

/// One way in which one value is written.
pub struct Form {
    /// The row.
    pub kind: &'static str,
    pub class: Class,
    /// As it is written.
    pub written: String,
    /// What identifies somebody in it: none of it may be left.
    pub hidden: Vec<String>,
    /// Pseudonyms that must stand in its place, so that it joins.
    pub joins: Vec<String>,
}

fn base64url(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

/// All forms of a person and of what belongs to them.
pub fn forms(person: &Person, names: &Pseudonymizer, random: &mut Random) -> Vec<Form> {
    use Class::{Named, Secret, Typed};
    let p = person;
    let mut out = Vec::new();
    let mut add = |kind, class, written: String, hidden: &[&str], joins: &[&str]| {
        out.push(Form {
            kind,
            class,
            written,
            hidden: hidden.iter().map(|&h| h.to_owned()).collect(),
            joins: joins.iter().map(|&j| j.to_owned()).collect(),
        });
    };
    let upn = names.upn(&p.upn, Parts::ALL);
    let user = names.token(Letter::U, &p.sam);
    let person_name = names.token(Letter::N, &p.name);
    let host = names.host(&p.host);
    let (local, _) = p.upn.split_once('@').unwrap();
    let local_token = names.token(Letter::U, local);

    add("upn", Typed, p.upn.clone(), &[local, DOMAIN], &[&upn]);
    add("upn upper case", Typed, p.upn.to_uppercase(), &[local, DOMAIN], &[&upn]);
    add(
        "mail",
        Typed,
        p.mail.clone(),
        &[p.mail.split('@').next().unwrap()],
        &[&names.upn(&p.mail, Parts::ALL)],
    );
    add("mail unknown", Typed, format!("x{}@{}.org", random.hex(9), random.hex(7)), &[], &[]);
    add("upn deleted", Typed, format!("{}{}", dashed(&p.id).replace('-', ""), p.upn), &[local, DOMAIN], &[]);
    let guest = format!("{}_{}#EXT#@{TENANT}", local, DOMAIN);
    add("upn guest", Typed, guest.clone(), &[local, DOMAIN, "contosoworks"], &[&local_token]);
    add("claims login", Typed, format!("i:0#.f|membership|{}", p.upn), &[local, DOMAIN], &[&upn]);
    add(
        "proxy address",
        Typed,
        format!("SMTP:{}", p.mail),
        &[p.mail.split('@').next().unwrap()],
        &[&names.upn(&p.mail, Parts::ALL)],
    );
    add("sip address", Typed, format!("sip:{}", p.upn), &[local, DOMAIN], &[&upn]);
    add(
        "x500 address",
        Typed,
        format!(
            "x500:/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={}-{}",
            random.hex(32),
            p.sam
        ),
        &[&p.sam],
        &[],
    );
    add("certificate user id", Typed, format!("X509:<PN>{}", p.upn), &[local, DOMAIN], &[&upn]);
    add(
        "certificate subject",
        Typed,
        format!("E={}, CN={}, OU=Staff, O=Contoso Works", p.upn, p.name),
        &[local, DOMAIN, &p.name],
        &[&upn],
    );
    add(
        "odata url",
        Typed,
        format!("https://graph.microsoft.com/v1.0/users('{}')/manager", p.upn.replace('@', "%40")),
        &[local, DOMAIN],
        &[&local_token],
    );

    add("name", Named, p.name.clone(), &[&p.name], &[&person_name]);
    add("name upper case", Named, p.name.to_uppercase(), &[&p.name], &[&person_name]);
    add(
        "name turned",
        Named,
        format!("{}, {}", p.surname, p.given),
        &[&format!("{}, {}", p.surname, p.given)],
        &[&person_name],
    );
    add("name two spaces", Named, p.name.replacen(' ', "  ", 1), &[&p.surname], &[&person_name]);
    add("account", Named, p.sam.clone(), &[&p.sam], &[&user]);
    add("account label of upn", Named, local.to_owned(), &[local], &[&local_token]);
    add(
        "netbios account",
        Typed,
        format!("{NETBIOS}\\{}", p.sam),
        &[&p.sam, NETBIOS],
        &[&names.netbios(&format!("{NETBIOS}\\{}", p.sam), Parts::ALL)],
    );
    add(
        "kerberos principal",
        Typed,
        format!("{}@{}", p.sam, AD_DOMAIN.to_uppercase()),
        &[&p.sam, AD_DOMAIN],
        &[&user],
    );
    add("user folder", Typed, format!("C:\\Users\\{}\\AppData\\Local\\x.log", p.sam), &[&p.sam], &[&user]);
    add("home folder", Typed, format!("/home/{}/.azure/x.log", p.sam), &[&p.sam], &[&user]);
    let folded: String = p.upn.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    add(
        "onedrive path",
        Typed,
        format!("/personal/{folded}/Documents"),
        &[&folded, &plain(&p.surname)],
        &[&local_token],
    );
    add(
        "sync account",
        Named,
        format!("Sync_{}_{}@{TENANT}", p.host, random.hex(12)),
        &[&p.host, "contosoworks"],
        &[&host],
    );
    add("employee number", Named, p.employee.clone(), &[&p.employee], &[]);
    add("puid", Named, p.puid.clone(), &[&p.puid], &[&names.token(Letter::K, &p.puid)]);
    add("group name", Named, p.group.clone(), &[&p.group], &[&names.token(Letter::G, &p.group)]);

    add("host", Named, p.host.clone(), &[&p.host], &[&host]);
    add(
        "host fqdn",
        Typed,
        format!("{}.{AD_DOMAIN}", p.host.to_lowercase()),
        &[&p.host, AD_DOMAIN],
        &[&host],
    );
    add("machine account", Typed, format!("{NETBIOS}\\{}$", p.host), &[&p.host, NETBIOS], &[&host]);
    add("unc path", Typed, format!("\\\\{}\\share\\x.log", p.host), &[&p.host], &[&host]);
    add(
        "sharepoint host",
        Typed,
        format!("https://contosoworks-my.sharepoint.com/personal/{folded}"),
        &["contosoworks", &folded],
        &[],
    );
    add("sub-domain", Typed, AD_DOMAIN.to_owned(), &[AD_DOMAIN], &[&names.domain(AD_DOMAIN)]);

    let id = dashed(&p.id);
    let bare = id.replace('-', "");
    let fade = names.guid_text(&id).unwrap();
    let fade_bare = fade.replace('-', "");
    add("object id", Typed, id.clone(), &[&id], &[&fade]);
    add("object id upper case", Typed, id.to_uppercase(), &[&id], &[&fade]);
    add("object id without dashes", Typed, bare.clone(), &[&bare], &[&fade_bare]);
    add("object id in braces", Typed, format!("{{{id}}}"), &[&id], &[&fade]);
    add("object id urn", Typed, format!("urn:uuid:{id}"), &[&id], &[&fade]);
    let octets: String = little(&p.id).iter().map(|b| format!("\\{b:02X}")).collect();
    add("object id ldap octets", Typed, octets.clone(), &[&octets], &[]);
    let spaced: Vec<String> = little(&p.id).iter().map(|b| format!("{b:02X}")).collect();
    add("object id spaced octets", Typed, spaced.join(" "), &[&spaced.join(" ")], &[]);
    add("object id as sid", Typed, entra_sid(&p.id), &[&entra_sid(&p.id)], &[]);
    let text = anchor(&p.id);
    add("anchor", Typed, text.clone(), &[&text], &[&names.anchor(&text).unwrap()]);
    let text = connector(&p.id);
    add("anchor in connector dn", Typed, text.clone(), &[&text], &[]);
    add(
        "cloud device in connector",
        Typed,
        format!("Device_{}", dashed(&p.device)),
        &[&dashed(&p.device)],
        &[&names.guid_text(&dashed(&p.device)).unwrap()],
    );
    add(
        "device id",
        Typed,
        dashed(&p.device),
        &[&dashed(&p.device)],
        &[&names.guid_text(&dashed(&p.device)).unwrap()],
    );
    add("physical id", Typed, format!("[USER-GID]:{id}:6755412345678901"), &[&id], &[&fade]);
    add(
        "group id",
        Typed,
        dashed(&p.group_id),
        &[&dashed(&p.group_id)],
        &[&names.guid_text(&dashed(&p.group_id)).unwrap()],
    );
    add("guid unknown", Typed, dashed(&random.guid()), &[], &[]);
    add("sid", Typed, p.sid.clone(), &[&p.sid], &[&names.sid(&p.sid).unwrap()]);
    add("sddl", Typed, format!("O:BAG:SYD:(A;;GA;;;{})", p.sid), &[&p.sid], &[&names.sid(&p.sid).unwrap()]);

    add(
        "dn",
        Typed,
        format!("CN={},OU=Staff-{},DC=corp,DC=contoso-works,DC=com", p.name.replace(',', "\\,"), p.employee),
        &[&p.name, "contoso-works"],
        &[&person_name],
    );
    add(
        "dn escaped comma",
        Typed,
        format!("CN={}\\, {},OU=Staff,DC=corp,DC=contoso-works,DC=com", p.surname, p.given),
        &[&p.surname, "contoso-works"],
        &[],
    );
    add(
        "dn hex comma",
        Typed,
        format!("CN={}\\2C {},OU=Staff,DC=corp,DC=contoso-works,DC=com", p.surname, p.given),
        &[&p.surname, "contoso-works"],
        &[],
    );
    add(
        "dn deleted",
        Typed,
        format!("CN={}\\0ADEL:{id},CN=Deleted Objects,DC=corp,DC=contoso-works,DC=com", p.name),
        &[&p.name, &id, "contoso-works"],
        &[],
    );
    add(
        "dn extended",
        Typed,
        format!("<GUID={id}>;<SID={}>;CN={},OU=Staff,DC=corp,DC=contoso-works,DC=com", p.sid, p.name),
        &[&p.name, &id, &p.sid, "contoso-works"],
        &[&person_name],
    );
    add(
        "canonical name",
        Typed,
        format!("{AD_DOMAIN}/Staff/{}", p.name),
        &[&p.name, AD_DOMAIN],
        &[&person_name],
    );

    let ip = names.address(&p.ip4).unwrap();
    add("ipv4", Typed, p.ip4.clone(), &[&p.ip4], &[&ip]);
    add("ipv4 with port", Typed, format!("{}:50123", p.ip4), &[&p.ip4], &[&format!("[{ip}]:50123")]);
    add("ipv4 mapped", Typed, format!("::ffff:{}", p.ip4), &[&p.ip4], &[]);
    add("ipv4 dashed", Typed, format!("ip-{}", p.ip4.replace('.', "-")), &[&p.ip4.replace('.', "-")], &[]);
    let turned: Vec<&str> = p.ip4.split('.').rev().collect();
    add("ipv4 reverse name", Typed, format!("{}.in-addr.arpa", turned.join(".")), &[&turned.join(".")], &[]);
    let network = format!("{}.0/24", p.ip4.rsplit_once('.').unwrap().0);
    add(
        "ipv4 network",
        Typed,
        network.clone(),
        &[network.trim_end_matches(".0/24")],
        &[&names.network(&network).unwrap()],
    );
    add("ipv6", Typed, p.ip6.clone(), &[&p.ip6], &[&names.address(&p.ip6).unwrap()]);
    add("ipv6 with port", Typed, format!("[{}]:443", p.ip6), &[&p.ip6], &[&names.address(&p.ip6).unwrap()]);
    add("mac", Typed, p.mac.clone(), &[&p.mac], &[&names.mac(&p.mac).unwrap()]);
    add(
        "mac with colons",
        Typed,
        p.mac.replace('-', ":").to_lowercase(),
        &[&p.mac.replace('-', ":")],
        &[&names.mac(&p.mac).unwrap()],
    );
    add("phone", Typed, p.phone.clone(), &[&p.phone], &[]);

    let body = base64url(format!("{{\"oid\":\"{id}\",\"upn\":\"{}\"}}", p.upn).as_bytes());
    let header = base64url(br#"{"alg":"RS256","typ":"JWT","kid":"abc"}"#);
    let jwt = format!("{header}.{body}.{}", base64url(random.hex(48).as_bytes()));
    add("secret: jwt", Secret, jwt.clone(), &[&jwt, &body], &[]);
    let secret: String = format!(
        "{}8Q~{}",
        &random.hex(3),
        base64url(&random.hex(26).into_bytes()).chars().take(34).collect::<String>()
    );
    add("secret: client secret", Secret, secret.clone(), &[&secret], &[]);
    let value = format!("{}Zx9", random.hex(17));
    add("secret: password", Secret, format!("password={value}"), &[&value], &[]);
    add(
        "secret: connection string",
        Secret,
        format!("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={value}="),
        &[&value],
        &[],
    );
    add(
        "secret: sas",
        Secret,
        format!("https://x.blob.core.windows.net/c/b?sv=2024-01-01&sp=r&sig={value}{value}%3D"),
        &[&value],
        &[],
    );
    add(
        "secret: account key",
        Secret,
        format!("DefaultEndpointsProtocol=https;AccountName=x;AccountKey={value}{value}{value}=="),
        &[&value],
        &[],
    );
    add(
        "secret: authorization",
        Secret,
        format!("Authorization: Bearer {value}{value}{value}"),
        &[&value],
        &[],
    );
    add(
        "secret: private key",
        Secret,
        format!("-----BEGIN PRIVATE KEY-----\\n{value}{value}\\n-----END PRIVATE KEY-----"),
        &[&value],
        &[],
    );
    let groups: Vec<String> = (0..8).map(|_| format!("{:06}", random.below(60_000) * 11)).collect();
    add("secret: bitlocker key", Secret, groups.join("-"), &[&groups.join("-")], &[]);
    add(
        "secret: totp",
        Secret,
        format!("otpauth://totp/Contoso?secret={}", value.to_uppercase()),
        &[&value],
        &[],
    );
    out
}
