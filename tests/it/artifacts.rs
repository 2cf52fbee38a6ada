//! Artifacts of servers of which no public sample exists, generated in their documented shapes: each
//! is recognised, its records are whole and counted, their times stand in the index, names are replaced
//! and what support needs stays.

use crate::program::Machine;
use serde_json::Value;
use std::path::Path;

/// How the file is written.
#[derive(Clone, Copy)]
enum Written {
    Plain,
    /// UTF-16LE with its mark and CRLF, as Windows PowerShell 5.1 redirects.
    Wide,
}

/// A generated file and what must come of it.
struct Artifact {
    /// Where it lies; the place decides where the text does not.
    name: &'static str,
    written: Written,
    text: &'static str,
    /// `source/dataset`, and the records that must be there.
    stream: &'static str,
    records: usize,
    /// Times of its records in UTC, in order; for parts that have an index.
    times: &'static [&'static str],
    /// What must stay as it is.
    stays: &'static [&'static str],
}

/// The person, host and ids that every file is about. None of it may be left.
const NAMES: &[&str] = &[
    "pat.lee@contoso.com",
    "pat.lee",
    "Pat Lee",
    "srv-sync01",
    "contoso.com",
    "S-1-5-21-3623811015-3361044348-30300820-1013",
    "f7cc07d7-7c15-447d-876d-c01b0e5a9e38",
    "1wfM9xV8fUSHbcAbDlqeOA==",
];

/// Who there is: names come from here.
const DIRECTORY: &str = "version: 1\n\
    dn: CN=Pat Lee,OU=Sales,DC=contoso,DC=com\nobjectClass: user\nsAMAccountName: pat.lee\n\
    userPrincipalName: pat.lee@contoso.com\ndisplayName: Pat Lee\nmail: pat.lee@contoso.com\n\
    objectGUID:: 1wfM9xV8fUSHbcAbDlqeOA==\nobjectSid: S-1-5-21-3623811015-3361044348-30300820-1013\n\n\
    dn: CN=SRV-SYNC01,OU=Servers,DC=contoso,DC=com\nobjectClass: computer\nsAMAccountName: SRV-SYNC01$\n\
    dNSHostName: srv-sync01.contoso.com\nname: SRV-SYNC01\n\n";

const ARTIFACTS: &[Artifact] = &[
    Artifact {
        name: "export/ad.ldif",
        written: Written::Plain,
        text: DIRECTORY,
        stream: "onprem/ad_objects",
        records: 2,
        times: &[],
        stays: &["computer"],
    },
    // csexport.exe CONNECTOR out.xml /f:x
    Artifact {
        name: "export/csexport.xml",
        written: Written::Wide,
        text: "<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<cs-objects>\n\
            <cs-object cs-dn=\"CN=Pat Lee,OU=Sales,DC=contoso,DC=com\" id=\"{11111111-2222-4333-8444-555555555555}\" object-type=\"user\">\n\
             <synchronized-hologram><entry dn=\"CN=Pat Lee,OU=Sales,DC=contoso,DC=com\"><primary-objectclass>user</primary-objectclass>\n\
              <attr name=\"userPrincipalName\" type=\"string\" multivalued=\"false\"><value>pat.lee@contoso.com</value></attr>\n\
              <attr name=\"sourceAnchor\" type=\"string\" multivalued=\"false\"><value>1wfM9xV8fUSHbcAbDlqeOA==</value></attr></entry></synchronized-hologram>\n\
             <export-error><error-type>AttributeValueMustBeUnique</error-type><retry-count>3</retry-count></export-error>\n\
            </cs-object>\n<cs-object cs-dn=\"CN=SRV-SYNC01,OU=Servers,DC=contoso,DC=com\" object-type=\"computer\"/>\n</cs-objects>\n",
        stream: "onprem/aadc_csexport",
        records: 2,
        times: &["", ""],
        stays: &["AttributeValueMustBeUnique", "userPrincipalName"],
    },
    // CSExportAnalyzer out.xml > out.csv
    Artifact {
        name: "export/csexport.csv",
        written: Written::Wide,
        text: "ID,DN,OMODT,objectType,UPN,alias,AMODT,Attribute,displayName\n\
            1wfM9xV8fUSHbcAbDlqeOA==,\"CN=Pat Lee,OU=Sales,DC=contoso,DC=com\",Update,user,pat.lee@contoso.com,pat.lee,Add,mail,Pat Lee\n\
            ,\"CN=SRV-SYNC01,OU=Servers,DC=contoso,DC=com\",Add,computer,,,,,\n",
        stream: "onprem/aadc_csexport_analysis",
        records: 2,
        times: &[],
        stays: &["\"OMODT\":\"Update\"", "\"AMODT\":\"Add\""],
    },
    // Get-ADSyncRunProfileResult | Export-Clixml
    Artifact {
        name: "export/runs.clixml",
        written: Written::Wide,
        text: "<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">\n\
            <Obj RefId=\"0\"><TN RefId=\"0\"><T>Microsoft.IdentityManagement.PowerShell.ObjectModel.RunProfileResult</T><T>System.Object</T></TN>\n\
             <ToString>contoso.com</ToString><Props><S N=\"ConnectorName\">contoso.com</S><S N=\"RunProfileName\">Delta Import</S>\n\
             <S N=\"Username\">CONTOSO\\pat.lee</S><S N=\"Result\">completed-export-errors</S><I32 N=\"RunNumber\">4711</I32>\n\
             <DT N=\"StartDate\">2024-03-06T07:08:09.123+01:00</DT><DT N=\"EndDate\">2024-03-06T07:09:09.123+01:00</DT></Props></Obj>\n\
            <Obj RefId=\"1\"><TNRef RefId=\"0\"/><Props><S N=\"ConnectorName\">contoso.com</S><S N=\"Result\">success</S>\n\
             <DT N=\"StartDate\">2024-03-06T06:30:00Z</DT></Props></Obj>\n</Objs>\n",
        stream: "powershell/aadc_run_history",
        records: 2,
        times: &["2024-03-06T06:08:09.123Z", "2024-03-06T06:30:00Z"],
        stays: &["<S N=\"Result\">completed-export-errors</S>", "<I32 N=\"RunNumber\">4711</I32>"],
    },
    Artifact {
        name: "export/runhistory.xml",
        written: Written::Plain,
        text: "<?xml version=\"1.0\"?>\n<run-history>\n\
            <run-details><ma-name>contoso.com</ma-name><run-number>12</run-number><start-date>2024-03-06 07:08:09.123</start-date>\
            <sync-errors><export-error dn=\"CN=Pat Lee,OU=Sales,DC=contoso,DC=com\"><error-type>dn-attributes-failure</error-type></export-error></sync-errors></run-details>\n\
            </run-history>\n",
        stream: "onprem/aadc_run_history",
        records: 1,
        times: &["2024-03-06T07:08:09.123Z"],
        stays: &["dn-attributes-failure"],
    },
    Artifact {
        name: "AADConnect/Applied-SynchronizationPolicy-20240305-070809.json",
        written: Written::Plain,
        text: "{\"deploymentMetadata\":{\"version\":\"2.4.21.0\",\"machine\":\"srv-sync01\"},\
            \"onPremisesDirectoryPolicy\":[{\"fullyQualifiedDomainName\":\"contoso.com\",\"objectFilter\":{\"includedOUs\":[\"OU=Sales,DC=contoso,DC=com\"]}}],\
            \"azureADPolicy\":{\"userName\":\"pat.lee@contoso.com\",\"passwordHashSync\":true}}",
        stream: "onprem/aadc_applied_policy",
        records: 1,
        times: &[],
        stays: &["2.4.21.0"],
    },
    // Get-ADSyncScheduler > scheduler.txt
    Artifact {
        name: "export/scheduler.txt",
        written: Written::Wide,
        text: "\n\nAllowedSyncCycleInterval            : 00:30:00\nCurrentlyEffectiveSyncCycleInterval : 00:30:00\n\
            NextSyncCyclePolicyType             : Delta\nSyncCycleEnabled                    : True\n\n\n\
            ConnectorName : contoso.com\nUserName      : pat.lee@contoso.com\n\n",
        stream: "onprem/aadc_scheduler_and_features",
        records: 2,
        times: &["", ""],
        stays: &["SyncCycleEnabled", "00:30:00"],
    },
    Artifact {
        name: "Azure AD Connect Provisioning Agent/Trace/AzureADConnectProvisioningAgent_1.log",
        written: Written::Plain,
        text: "AADConnectProvisioningAgent.exe Information: 0 : Connecting to contoso.com from srv-sync01\n    ThreadId=5\n    DateTime=2024-03-05T22:30:00.0000000Z\n\
            AADConnectProvisioningAgent.exe Error: 0 : Export of CN=Pat Lee,OU=Sales,DC=contoso,DC=com failed: LDAP error 50\n   at System.DirectoryServices.Protocols.LdapConnection.SendRequest()\n    ThreadId=7\n    DateTime=2024-03-05T22:30:01.5000000Z\n",
        stream: "onprem/cloudsync_agent_trace",
        records: 2,
        times: &["2024-03-05T22:30:00Z", "2024-03-05T22:30:01.5Z"],
        stays: &["LDAP error 50", "LdapConnection.SendRequest"],
    },
    Artifact {
        name: "Azure AD Connect Authentication Agent/Trace/AzureADConnectAuthenticationAgentService_1.log",
        written: Written::Plain,
        text: "AzureADConnectAuthenticationAgentService.exe Information: 0 : RequestId: '33333333-2222-4333-8444-555555555555'. Validating pat.lee@contoso.com\n    ThreadId=9\n    DateTime=2024-03-05T22:31:00.0000000Z\n\
            AzureADConnectAuthenticationAgentService.exe Error: 0 : Passthrough Authentication request failed. RequestId: '33333333-2222-4333-8444-555555555555'. Reason: '1328'.\n    ThreadId=9\n    DateTime=2024-03-05T22:31:00.2500000Z\n",
        stream: "onprem/pta_trace",
        records: 2,
        times: &["2024-03-05T22:31:00Z", "2024-03-05T22:31:00.25Z"],
        stays: &["33333333-2222-4333-8444-555555555555", "Reason: '1328'"],
    },
    Artifact {
        name: "Microsoft AAD Application Proxy Connector/Trace/ApplicationProxyConnectorService_1.log",
        written: Written::Plain,
        text: "ApplicationProxyConnectorService.exe Warning: 0 : Kerberos constrained delegation for pat.lee@contoso.com against srv-sync01.contoso.com failed\n    ThreadId=3\n    DateTime=2024-03-05T22:32:00.0000000Z\n",
        stream: "onprem/appproxy_trace",
        records: 1,
        times: &["2024-03-05T22:32:00Z"],
        stays: &["Kerberos constrained delegation"],
    },
    // AzureADAssessment writes ADFSProperties.txt and apps\<RP>.xml
    Artifact {
        name: "adfs/ADFSProperties.txt",
        written: Written::Wide,
        text: "\nAcceptableIdentifiers          : {}\nAutoCertificateRollover        : True\nCertificateDuration            : 365\n\
            HostName                       : srv-sync01.contoso.com\nFederationPassiveAddress       : /adfs/ls/\n",
        stream: "onprem/adfs_properties",
        records: 1,
        times: &[""],
        stays: &["/adfs/ls/", "365"],
    },
    // Get-AdfsProperties | ConvertTo-Json
    Artifact {
        name: "adfs/ADFSProperties.json",
        written: Written::Plain,
        text: "{\"AcceptableIdentifiers\":[],\"AutoCertificateRollover\":true,\"CertificateDuration\":365,\
            \"FederationPassiveAddress\":\"/adfs/ls/\",\"HostName\":\"srv-sync01.contoso.com\",\"LastPublishedPolicyCheckSuccessful\":true}",
        stream: "onprem/adfs_config",
        records: 1,
        times: &[],
        stays: &["/adfs/ls/", "AutoCertificateRollover"],
    },
    // Get-AdfsEndpoint | Export-Csv
    Artifact {
        name: "adfs/ADFSEnabledEndpoints.csv",
        written: Written::Plain,
        text: "\"ClientCredentialType\",\"Enabled\",\"FullUrl\",\"Proxy\",\"Protocol\",\"SecurityMode\",\"AddressPath\",\"Version\"\n\
            \"Anonymous\",\"True\",\"https://srv-sync01.contoso.com/adfs/ls/\",\"True\",\"SAML 2.0/WS-Federation\",\"Transport\",\"/adfs/ls/\",\"default\"\n",
        stream: "onprem/adfs_config",
        records: 1,
        times: &[],
        stays: &["SAML 2.0/WS-Federation", "Anonymous"],
    },
    Artifact {
        name: "Microsoft Azure AD Connect Provisioning Agent/AADConnectProvisioningAgent.exe.config",
        written: Written::Plain,
        text: "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<configuration>\n <!-- AADConnectProvisioningAgent -->\n\
            <system.net><defaultProxy enabled=\"true\"><proxy proxyaddress=\"http://srv-sync01.contoso.com:8080\" bypassonlocal=\"true\"/></defaultProxy></system.net>\n\
            <appSettings><add key=\"ProvisioningAgentTrace\" value=\"true\"/></appSettings>\n</configuration>\n",
        stream: "onprem/cloudsync_agent_config",
        records: 1,
        times: &[""],
        stays: &["bypassonlocal=\"true\"", "8080", "key=\"ProvisioningAgentTrace\" value=\"true\""],
    },
    Artifact {
        name: "AADConnect/PersistedState.xml",
        written: Written::Wide,
        text: "<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<PersistedStateContainer><Elements><PersistedStateElement>\
            <Key>IAadConfigurationContext.AzureADUsername</Key><Value>pat.lee@contoso.com</Value></PersistedStateElement></Elements></PersistedStateContainer>\n",
        stream: "onprem/aadc_persisted_state",
        records: 1,
        times: &[""],
        stays: &["AzureADUsername"],
    },
    Artifact {
        name: "adfs/apps/portal.xml",
        written: Written::Wide,
        text: "<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">\n\
            <Obj RefId=\"0\"><TN RefId=\"0\"><T>Microsoft.IdentityServer.Management.Resources.RelyingPartyTrust</T></TN>\
            <Props><B N=\"Enabled\">true</B><S N=\"Notes\">owner Pat Lee (pat.lee@contoso.com)</S>\
            <S N=\"SignatureAlgorithm\">http://www.w3.org/2001/04/xmldsig-more#rsa-sha256</S></Props></Obj>\n</Objs>\n",
        stream: "powershell/adfs_trusts",
        records: 1,
        times: &[""],
        stays: &["RelyingPartyTrust"],
    },
    Artifact {
        name: "Azure AD Password Protection DC Agent/Logs/agent.log",
        written: Written::Plain,
        text: "2024-03-05 10:00:00.123 [1] The changed password for pat.lee (Pat Lee) on srv-sync01 was rejected\n  policy 7\n\
            2024-03-05 10:00:01.000 [1] Next\n",
        stream: "onprem/pwdprot_dc_text",
        records: 2,
        times: &["2024-03-05T08:00:00.123Z", "2024-03-05T08:00:01Z"],
        stays: &["policy 7", "rejected"],
    },
    // Adds TimeUtc; both forms of the documentation, "ODBC compatible" and XML.
    Artifact {
        name: "Windows/System32/LogFiles/IN240307.log",
        written: Written::Plain,
        text: "\"SRV-SYNC01\",\"IAS\",03/07/2024,15:04:05,1,\"CONTOSO\\pat.lee\",\"contoso.com/Users/Pat Lee\",,,,,\"NAS1\"\n\
            <Event><Timestamp data_type=\"4\">03/07/2024 15:04:06.500</Timestamp><Computer-Name data_type=\"1\">SRV-SYNC01</Computer-Name><User-Name data_type=\"1\">pat.lee@contoso.com</User-Name><Packet-Type data_type=\"0\">3</Packet-Type><Reason-Code data_type=\"0\">16</Reason-Code></Event>\n",
        stream: "onprem/nps_accounting",
        records: 2,
        times: &[],
        stays: &[
            "\"TimeUtc\":\"2024-03-07T13:04:05Z\"",
            "\"TimeUtc\":\"2024-03-07T13:04:06.5Z\"",
            "\"Reason-Code\":\"16\"",
        ],
    },
    Artifact {
        name: "nps/azuremfa.reg",
        written: Written::Wide,
        text: "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\AzureMfa]\n\
            \"AZURE_MFA_HOSTNAME\"=\"adnotifications.windowsazure.com\"\n\"CLIENT_ID\"=\"981f26a1-7f43-403b-a875-f8b09b8cd720\"\n\
            \"LDAP_FORESTS\"=\"contoso.com\"\n\"VERBOSE_LOG\"=\"TRUE\"\n\n\
            [HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\AzureMfa\\Admins]\n\"LAST\"=\"pat.lee@contoso.com\"\n",
        stream: "onprem/nps_mfa_registry",
        records: 3,
        times: &["", "", ""],
        stays: &["VERBOSE_LOG", "adnotifications.windowsazure.com"],
    },
    Artifact {
        name: "phone/Authenticator-log.txt",
        written: Written::Plain,
        text: "2024-03-05 07:08:09.123 D/MfaAuthentication: pending session for pat.lee@contoso.com\n\
            2024-03-05 07:08:10.000 E/MfaAuthentication: request denied, code 12\n  java.lang.IllegalStateException: expired\n",
        stream: "onprem/authenticator_log",
        records: 2,
        times: &["2024-03-05T05:08:09.123Z", "2024-03-05T05:08:10Z"],
        stays: &["code 12", "java.lang.IllegalStateException"],
    },
    Artifact {
        name: "Temp/srv_AdHealthSyncAgentSetup_2024.log",
        written: Written::Plain,
        text: "[2024-03-05 07:08:09] Registering srv-sync01.contoso.com as pat.lee@contoso.com\n  exit code 0\n",
        stream: "onprem/health_agent_logs",
        records: 1,
        times: &["2024-03-05T05:08:09Z"],
        stays: &["exit code 0"],
    },
    // Get-ADUser -Filter * | Export-Csv
    Artifact {
        name: "export/adusers.csv",
        written: Written::Plain,
        text: "#TYPE Microsoft.ActiveDirectory.Management.ADUser\n\"DistinguishedName\",\"Enabled\",\"GivenName\",\"Name\",\"ObjectClass\",\"ObjectGUID\",\"SamAccountName\",\"SID\",\"Surname\",\"UserPrincipalName\"\n\
            \"CN=Pat Lee,OU=Sales,DC=contoso,DC=com\",\"True\",\"Pat\",\"Pat Lee\",\"user\",\"f7cc07d7-7c15-447d-876d-c01b0e5a9e38\",\"pat.lee\",\"S-1-5-21-3623811015-3361044348-30300820-1013\",\"Lee\",\"pat.lee@contoso.com\"\n",
        stream: "onprem/ad_objects",
        records: 1,
        times: &[],
        stays: &["\"Enabled\":\"True\""],
    },
    // dsregcmd /status > file, in Windows PowerShell
    Artifact {
        name: "client/dsregcmd.txt",
        written: Written::Wide,
        text: "+----------------------------------------------------------------------+\n| Device State                                                         |\n\
            +----------------------------------------------------------------------+\n\n             AzureAdJoined : YES\n              DomainJoined : YES\n\
            \x20              Device Name : srv-sync01.contoso.com\n\n",
        stream: "onprem/dsregcmd_status",
        records: 1,
        times: &[""],
        stays: &["AzureAdJoined : YES"],
    },
];

fn bytes(artifact: &Artifact) -> Vec<u8> {
    match artifact.written {
        Written::Plain => artifact.text.as_bytes().to_vec(),
        Written::Wide => {
            let text = format!("\u{feff}{}", artifact.text.replace('\n', "\r\n"));
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The text of every part below a folder.
fn parts(folder: &Path) -> String {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map_or(Vec::new(), |entries| entries.map(|entry| entry.unwrap().path()).collect());
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn every_generated_artifact_is_recognised_whole_and_treated() {
    let machine = Machine::new();
    for artifact in ARTIFACTS {
        machine.file(&format!("in/{}", artifact.name), bytes(artifact));
    }
    machine.ok(&["collect", "--input", "in", "--timezone", "+02:00", "--out", "out"]);
    let bundle = machine.bundle("out");
    let bundle = bundle.to_str().unwrap();
    machine.ok(&["unpack", bundle, "--to", "case", "--public-key", "config/signing.pub.pem"]);
    let case = machine.path("case");
    let collection: Value =
        serde_json::from_slice(&std::fs::read(case.join("meta/collection.json")).unwrap()).unwrap();
    let files = collection["files"].as_array().unwrap();
    assert_eq!(files.len(), ARTIFACTS.len());

    // Files stand in the order of their paths.
    let mut artifacts: Vec<&Artifact> = ARTIFACTS.iter().collect();
    artifacts.sort_unstable_by_key(|artifact| artifact.name);
    for (artifact, file) in artifacts.into_iter().zip(files) {
        let (source, dataset) = artifact.stream.split_once('/').unwrap();
        let name = artifact.name;
        assert_eq!(file["outcome"], "complete", "{name}: {file}");
        let taken = file["records"].as_array().unwrap();
        assert_eq!(taken.len(), 1, "{name}: {file}");
        assert_eq!(taken[0]["count"], artifact.records, "{name}: {file}");
        let wide = matches!(artifact.written, Written::Wide);
        assert_eq!(file["encoding"].as_str().unwrap_or("utf-8") == "utf-16le", wide, "{name}: {file}");
        let text = parts(&case.join("data").join(source).join(dataset));
        assert!(!text.is_empty(), "{name}: not in {}: {file}", artifact.stream);
        for wanted in artifact.stays {
            assert!(text.contains(wanted), "{name}: `{wanted}` is gone from {text}");
        }
        if !artifact.times.is_empty() {
            let index = lines(&case.join(format!("meta/index/{source}/{dataset}/part-00000.jsonl")));
            let times: Vec<_> = index.iter().map(|line| line[2].as_str().unwrap_or_default()).collect();
            assert_eq!(times, artifact.times, "{name}");
        }
    }
    for entry in walkdir::WalkDir::new(&case) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let text = std::fs::read_to_string(entry.path()).unwrap().to_lowercase();
            for name in NAMES {
                assert!(!text.contains(&name.to_lowercase()), "{name} in {}", entry.path().display());
            }
        }
    }
}
