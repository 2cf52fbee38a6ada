//! A few Office 365 audit records: PascalCase, times without zone, URLs that carry a UPN.

use super::Tenant;
use super::clock::text;
use super::directory::Directory;
use super::people::Person;
use serde_json::{Value, json};

/// A UPN as OneDrive writes it into a path.
pub fn folded(upn: &str) -> String {
    upn.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

impl Tenant {
    /// Records of one workload.
    pub(super) fn office(&self, workload: &str) -> Vec<Value> {
        (0..25).map(|index| self.office_record(workload, index)).collect()
    }

    fn office_record(&self, workload: &str, index: usize) -> Value {
        let mut random = self.random(workload, index);
        let directory = &self.directory;
        let person = &directory.people[directory.anyone(&mut random)];
        let second = self.clock.ago(3 * 86_400 - index as i64 * 9_000 + random.below(3_000) as i64);
        let address =
            if index.is_multiple_of(2) { person.home_address.clone() } else { self.with_port(person) };
        let record = json!({
            "CreationTime": text(second, "%Y-%m-%dT%H:%M:%S"), "Id": random.guid().to_string(),
            "OrganizationId": directory.tenant.to_string(), "ResultStatus": "Success",
            "UserKey": person.puid, "UserType": 0, "UserId": person.upn, "ClientIP": address, "Version": 1,
            "Workload": workload,
        });
        let own = match workload {
            "AzureActiveDirectory" => directory_members(directory, person, index),
            "Exchange" => json!({
                "RecordType": 1, "Operation": "New-InboxRule", "ObjectId": format!("{}\\{}\\Rule for Rose May",
                directory.domains.initial, person.nickname), "ExternalAccess": false,
                "OrganizationName": directory.domains.initial,
                "OriginatingServer": "AM0PR01MB0001 (15.20.8158.000)", "SessionId": random.guid().to_string(),
                "Parameters": [{ "Name": "ForwardTo", "Value": format!("smtp:archive-{}@fabrikam.com",
                person.nickname.to_lowercase().replace(['#', '@'], "")) },
                    { "Name": "MarkAsRead", "Value": "True" }, { "Name": "Mailbox", "Value": person.upn }],
            }),
            _ => json!({
                "RecordType": 6, "Operation": "FileAccessed", "EventSource": "SharePoint", "ItemType": "File",
                "UserAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
                "Site": random.guid().to_string(),
                "SiteUrl": format!("https://contoso-my.sharepoint.com/personal/{}/", folded(&person.upn)),
                "ObjectId": format!("https://contoso-my.sharepoint.com/personal/{}/Documents/Salary of {}.xlsx",
                folded(&person.upn), person.name),
                "SourceFileName": format!("Salary of {}.xlsx", person.name), "SourceFileExtension": "xlsx",
                "SourceRelativeUrl": "Documents",
                "UserKey": format!("i:0h.f|membership|{}@live.com", person.puid.to_lowercase()),
            }),
        };
        super::signins::merge([record, own])
    }

    fn with_port(&self, person: &Person) -> String {
        match person.home_address.contains(':') {
            true => format!("[{}]:50123", person.home_address),
            false => format!("{}:50123", person.home_address),
        }
    }
}

fn directory_members(directory: &Directory, person: &Person, index: usize) -> Value {
    let actor = &directory.people[directory.person("admin@contoso.onmicrosoft.com")];
    json!({
        "RecordType": 8, "AzureActiveDirectoryEventType": 1, "Operation": "Update user.", "ObjectId": person.upn,
        "UserId": actor.upn, "UserKey": actor.puid,
        "ActorContextId": directory.tenant.to_string(),
        "InterSystemsId": format!("00000000-0000-4000-8000-{index:012}"),
        "IntraSystemId": format!("00000000-0000-4000-9000-{index:012}"),
        "Actor": [{ "ID": actor.upn, "Type": 5 }, { "ID": actor.puid, "Type": 3 }, { "ID": format!("User_{}",
        actor.id), "Type": 2 }],
        "Target": [{ "ID": format!("User_{}", person.id), "Type": 2 }, { "ID": person.id.to_string(), "Type": 2 },
        { "ID": person.upn, "Type": 5 }, { "ID": person.puid, "Type": 3 }],
        "ExtendedProperties": [{ "Name": "additionalDetails",
        "Value": json!({ "UserType": "Member" }).to_string() }, { "Name": "extendedAuditEventCategory",
        "Value": "User" }],
        "ModifiedProperties": [{ "Name": "DisplayName", "OldValue": "[]",
        "NewValue": json!([person.name]).to_string() },
            { "Name": "Included Updated Properties", "OldValue": "", "NewValue": "DisplayName" },
                { "Name": "TargetId.UserType", "OldValue": "", "NewValue": "Member" }],
    })
}
