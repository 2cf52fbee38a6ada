//! The portal's CSV download of interactive sign-ins: 55 columns with their quirks (two header
//! names end in a space, one has two inner spaces, one occurs twice).

use super::Tenant;
use crate::error::Result;
use serde_json::Value;
use std::io::Write;

/// The header, and where the value stands in the Graph shape: a pointer, or a `!` rule.
const COLUMNS: [(&str, &str); 55] = [
    ("Date (UTC)", "/createdDateTime"),
    ("Request ID", "/id"),
    ("User agent", "/userAgent"),
    ("Correlation ID", "/correlationId"),
    ("User ID", "/userId"),
    ("User", "/userDisplayName"),
    ("Username", "/userPrincipalName"),
    ("User type", "/userType"),
    ("Cross tenant access type", "/crossTenantAccessType"),
    ("Incoming token type", "/incomingTokenType"),
    ("Authentication Protocol", "/authenticationProtocol"),
    ("Unique token identifier", "/uniqueTokenIdentifier"),
    ("Original transfer method", "/originalTransferMethod"),
    ("Client credential type", "/clientCredentialType"),
    ("Token Protection - Sign In Session", "/signInTokenProtectionStatus"),
    ("Token Protection - Sign In Session StatusCode", "!"),
    ("Application", "/appDisplayName"),
    ("Application ID ", "/appId"),
    ("Resource", "/resourceDisplayName"),
    ("Resource ID ", "/resourceId"),
    ("Resource tenant ID", "/resourceTenantId"),
    ("Home tenant ID", "/homeTenantId"),
    ("Home tenant name", "/homeTenantName"),
    ("IP address", "/ipAddress"),
    ("Location", "!location"),
    ("Status", "!status"),
    ("Sign-in error code", "!code"),
    ("Failure reason", "/status/failureReason"),
    ("Client app", "/clientAppUsed"),
    ("Device ID", "/deviceDetail/deviceId"),
    ("Browser", "/deviceDetail/browser"),
    ("Operating System", "/deviceDetail/operatingSystem"),
    ("Compliant", "/deviceDetail/isCompliant"),
    ("Managed", "/deviceDetail/isManaged"),
    ("Join Type", "/deviceDetail/trustType"),
    ("Multifactor authentication result", "/status/additionalDetails"),
    ("Multifactor authentication auth method", "/mfaDetail/authMethod"),
    ("Multifactor authentication auth detail", "/mfaDetail/authDetail"),
    ("Authentication requirement", "/authenticationRequirement"),
    ("Sign-in identifier", "/signInIdentifier"),
    ("Session ID", "/sessionId"),
    ("IP address (seen by resource)", "/ipAddressFromResourceProvider"),
    ("Through Global Secure Access", "/isThroughGlobalSecureAccess"),
    ("Global Secure Access IP address", "/globalSecureAccessIpAddress"),
    ("Autonomous system  number", "/autonomousSystemNumber"),
    ("Flagged for review", "/flaggedForReview"),
    ("Token issuer type", "/tokenIssuerType"),
    ("Incoming token type", "/incomingTokenType"),
    ("Token issuer name", "/tokenIssuerName"),
    ("Latency", "/processingTimeInMilliseconds"),
    ("Conditional Access", "/conditionalAccessStatus"),
    ("Managed Identity type", "!"),
    ("Associated Resource Id", "!"),
    ("Federated Token Id", "!"),
    ("Federated Token Issuer", "!"),
];

/// The header names in order.
pub fn header() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|(name, _)| *name)
}

impl Tenant {
    /// Writes sign-ins as the portal's CSV: UTF-8 with BOM, CRLF. Gives the number of rows; `failed`
    /// tells what could not be written.
    ///
    /// # Errors
    /// Those of writing.
    pub fn portal_csv(
        &self,
        out: impl Write,
        sign_ins: impl Iterator<Item = Value>,
        failed: impl Fn(std::io::Error) -> crate::error::Error,
    ) -> Result<u64> {
        let mut out = out;
        out.write_all("\u{feff}".as_bytes()).map_err(&failed)?;
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        let broken = |error: csv::Error| match error.into_kind() {
            csv::ErrorKind::Io(error) => failed(error),
            _ => failed(std::io::Error::other("a row differs in length")),
        };
        writer.write_record(header()).map_err(broken)?;
        let mut rows = 0;
        for sign_in in sign_ins {
            writer.write_record(COLUMNS.iter().map(|(_, rule)| cell(&sign_in, rule))).map_err(broken)?;
            rows += 1;
        }
        writer.flush().map_err(&failed)?;
        Ok(rows)
    }
}

fn cell(sign_in: &Value, rule: &str) -> String {
    let code = sign_in["status"]["errorCode"].as_u64().unwrap_or(0);
    let plain = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    match rule {
        "!" => String::new(),
        "!code" if code == 0 => String::new(),
        "!code" => code.to_string(),
        "!status" => match code {
            0 => "Success".into(),
            50074 | 50076 | 50097 | 50140 => "Interrupted".into(),
            _ => "Failure".into(),
        },
        "!location" => {
            ["city", "state", "countryOrRegion"].map(|part| plain(sign_in["location"].get(part))).join(", ")
        }
        pointer => plain(sign_in.pointer(pointer)),
    }
}
