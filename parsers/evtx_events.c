/*
 * What konseki knows of event ids: the kind of each, and a line for a person. {Field} stands for
 * the value of a field, {A|B} for that of the first that the event has, {Field:format} for a value
 * that is put into words.
 *
 * Sources: Microsoft's documentation of the audit events and of Sysmon, the manifests of the
 * providers (names of the fields), and the events themselves.
 */
#include "parsers/evtx.h"

#include "base/text.h"

#include <stdlib.h>

/* A row is a line. */
/* clang-format off */
static const struct evtx_known table[] = {
#define AT(n, kind_, text) {PROVIDER, n, KIND_##kind_, text}

#define PROVIDER "Microsoft-Windows-Security-Auditing"
	AT(4608, SYSTEM_START, "Windows is starting up"),
	AT(4609, SYSTEM_STOP, "Windows is shutting down"),
	AT(4610, OTHER, "Authentication package {AuthenticationPackageName} loaded by the LSA"),
	AT(4611, OTHER, "Logon process {LogonProcessName} registered with the LSA"),
	AT(4614, OTHER, "Notification package {NotificationPackageName} loaded by the SAM"),
	AT(4616, TIME_CHANGE, "{SubjectUserName} changed the system time from {PreviousTime} to {NewTime} ({ProcessName})"),
	AT(4621, OTHER, "Administrator recovered the system from CrashOnAuditFail"),
	AT(4622, OTHER, "Security package {SecurityPackageName} loaded by the LSA"),
	AT(4624, LOGON, "Account {TargetDomainName}\\{TargetUserName} logged on from {IpAddress} ({LogonType:logon})"),
	AT(4625, LOGON_FAILURE, "Account {TargetDomainName}\\{TargetUserName} failed to log on from {IpAddress} ({LogonType:logon}): {SubStatus:status}"),
	AT(4627, OTHER, "Groups of {TargetDomainName}\\{TargetUserName} at logon: {GroupMembership}"),
	AT(4634, LOGOFF, "Account {TargetDomainName}\\{TargetUserName} logged off ({LogonType:logon})"),
	AT(4647, LOGOFF, "Account {TargetDomainName}\\{TargetUserName} asked to log off"),
	AT(4648, LOGON, "{SubjectUserName} used the credentials of {TargetDomainName}\\{TargetUserName} for {TargetServerName} ({ProcessName:file})"),
	AT(4649, LOGON_FAILURE, "A replay attack was detected for {TargetUserName}"),
	AT(4656, FILE_READ, "{SubjectUserName} asked for a handle to {ObjectType} {ObjectName} ({ProcessName:file})"),
	AT(4657, REGISTRY_SET, "{SubjectUserName} set {ObjectName} {ObjectValueName} to {NewValue} ({ProcessName:file})"),
	AT(4658, OTHER, "Handle {HandleId} closed by {ProcessName:file}"),
	AT(4659, FILE_DELETE, "{SubjectUserName} asked for a handle to {ObjectName} with intent to delete"),
	AT(4660, FILE_DELETE, "{SubjectUserName} deleted the object of handle {HandleId} ({ProcessName:file})"),
	AT(4661, OTHER, "{SubjectUserName} asked for a handle to {ObjectType} {ObjectName}"),
	AT(4662, OTHER, "{SubjectUserName} operated on the directory object {ObjectName}: {Properties}"),
	AT(4663, FILE_READ, "{SubjectUserName} accessed {ObjectType} {ObjectName} with {ProcessName:file}"),
	AT(4664, FILE_CREATE, "{SubjectUserName} tried to create the hard link {LinkName} to {FileName}"),
	AT(4670, FILE_METADATA, "{SubjectUserName} changed the permissions of {ObjectType} {ObjectName}"),
	AT(4672, PRIVILEGE_USE, "Special privileges given to {SubjectDomainName}\\{SubjectUserName}: {PrivilegeList}"),
	AT(4673, PRIVILEGE_USE, "{SubjectUserName} called the privileged service {Service} with {ProcessName:file}: {PrivilegeList}"),
	AT(4674, PRIVILEGE_USE, "{SubjectUserName} used {PrivilegeList} on {ObjectName} ({ProcessName:file})"),
	AT(4675, LOGON, "SIDs were filtered for {TargetUserName}"),
	AT(4688, PROCESS_START, "{SubjectUserName} started {NewProcessName}: {CommandLine} (parent {ParentProcessName:file})"),
	AT(4689, PROCESS_STOP, "{ProcessName} ended with {Status}"),
	AT(4690, OTHER, "A handle was duplicated from process {SourceProcessId} to {TargetProcessId}"),
	AT(4692, OTHER, "{SubjectUserName} backed up the data protection master key {MasterKeyId}"),
	AT(4693, OTHER, "{SubjectUserName} recovered the data protection master key {MasterKeyId}"),
	AT(4696, PROCESS_START, "A primary token for {TargetUserName} was given to {TargetProcessName}"),
	AT(4697, SERVICE_INSTALL, "{SubjectUserName} installed the service {ServiceName}: {ServiceFileName} (as {ServiceAccount})"),
	AT(4698, TASK_CREATE, "{SubjectUserName} created the scheduled task {TaskName}"),
	AT(4699, TASK_DELETE, "{SubjectUserName} deleted the scheduled task {TaskName}"),
	AT(4700, TASK_CREATE, "{SubjectUserName} enabled the scheduled task {TaskName}"),
	AT(4701, TASK_DELETE, "{SubjectUserName} disabled the scheduled task {TaskName}"),
	AT(4702, TASK_CREATE, "{SubjectUserName} changed the scheduled task {TaskName}"),
	AT(4703, PRIVILEGE_USE, "Privileges of {ProcessName:file} ({TargetUserName}) changed: {EnabledPrivilegeList} enabled"),
	AT(4704, POLICY_CHANGE, "{SubjectUserName} gave the right {PrivilegeList} to {TargetSid}"),
	AT(4705, POLICY_CHANGE, "{SubjectUserName} took the right {PrivilegeList} from {TargetSid}"),
	AT(4706, POLICY_CHANGE, "{SubjectUserName} made a trust to the domain {DomainName}"),
	AT(4707, POLICY_CHANGE, "{SubjectUserName} removed the trust to the domain {DomainName}"),
	AT(4713, POLICY_CHANGE, "The Kerberos policy was changed by {SubjectUserName}: {KerberosPolicyChange}"),
	AT(4716, POLICY_CHANGE, "{SubjectUserName} changed the trust to the domain {DomainName}"),
	AT(4717, POLICY_CHANGE, "{SubjectUserName} gave {TargetSid} the logon right {AccessGranted}"),
	AT(4718, POLICY_CHANGE, "{SubjectUserName} took from {TargetSid} the logon right {AccessRemoved}"),
	AT(4719, POLICY_CHANGE, "{SubjectUserName} changed the audit policy of {SubcategoryGuid}: {AuditPolicyChanges}"),
	AT(4720, ACCOUNT_CREATE, "{SubjectUserName} created the account {TargetDomainName}\\{TargetUserName}"),
	AT(4722, ACCOUNT_CHANGE, "{SubjectUserName} enabled the account {TargetDomainName}\\{TargetUserName}"),
	AT(4723, ACCOUNT_CHANGE, "{SubjectUserName} tried to change the password of {TargetDomainName}\\{TargetUserName}"),
	AT(4724, ACCOUNT_CHANGE, "{SubjectUserName} tried to reset the password of {TargetDomainName}\\{TargetUserName}"),
	AT(4725, ACCOUNT_CHANGE, "{SubjectUserName} disabled the account {TargetDomainName}\\{TargetUserName}"),
	AT(4726, ACCOUNT_DELETE, "{SubjectUserName} deleted the account {TargetDomainName}\\{TargetUserName}"),
	AT(4727, GROUP_CHANGE, "{SubjectUserName} created the global group {TargetDomainName}\\{TargetUserName}"),
	AT(4728, GROUP_CHANGE, "{SubjectUserName} added {MemberSid} to the global group {TargetDomainName}\\{TargetUserName}"),
	AT(4729, GROUP_CHANGE, "{SubjectUserName} removed {MemberSid} from the global group {TargetDomainName}\\{TargetUserName}"),
	AT(4730, GROUP_CHANGE, "{SubjectUserName} deleted the global group {TargetDomainName}\\{TargetUserName}"),
	AT(4731, GROUP_CHANGE, "{SubjectUserName} created the local group {TargetDomainName}\\{TargetUserName}"),
	AT(4732, GROUP_CHANGE, "{SubjectUserName} added {MemberSid} to the local group {TargetDomainName}\\{TargetUserName}"),
	AT(4733, GROUP_CHANGE, "{SubjectUserName} removed {MemberSid} from the local group {TargetDomainName}\\{TargetUserName}"),
	AT(4734, GROUP_CHANGE, "{SubjectUserName} deleted the local group {TargetDomainName}\\{TargetUserName}"),
	AT(4735, GROUP_CHANGE, "{SubjectUserName} changed the local group {TargetDomainName}\\{TargetUserName}"),
	AT(4737, GROUP_CHANGE, "{SubjectUserName} changed the global group {TargetDomainName}\\{TargetUserName}"),
	AT(4738, ACCOUNT_CHANGE, "{SubjectUserName} changed the account {TargetDomainName}\\{TargetUserName}"),
	AT(4739, POLICY_CHANGE, "{SubjectUserName} changed the policy of the domain {DomainName}: {DomainPolicyChanged}"),
	AT(4740, ACCOUNT_CHANGE, "Account {TargetUserName} was locked out (by {TargetDomainName})"),
	AT(4741, ACCOUNT_CREATE, "{SubjectUserName} created the computer account {TargetDomainName}\\{TargetUserName}"),
	AT(4742, ACCOUNT_CHANGE, "{SubjectUserName} changed the computer account {TargetDomainName}\\{TargetUserName}"),
	AT(4743, ACCOUNT_DELETE, "{SubjectUserName} deleted the computer account {TargetDomainName}\\{TargetUserName}"),
	AT(4754, GROUP_CHANGE, "{SubjectUserName} created the universal group {TargetDomainName}\\{TargetUserName}"),
	AT(4755, GROUP_CHANGE, "{SubjectUserName} changed the universal group {TargetDomainName}\\{TargetUserName}"),
	AT(4756, GROUP_CHANGE, "{SubjectUserName} added {MemberSid} to the universal group {TargetDomainName}\\{TargetUserName}"),
	AT(4757, GROUP_CHANGE, "{SubjectUserName} removed {MemberSid} from the universal group {TargetDomainName}\\{TargetUserName}"),
	AT(4758, GROUP_CHANGE, "{SubjectUserName} deleted the universal group {TargetDomainName}\\{TargetUserName}"),
	AT(4764, GROUP_CHANGE, "{SubjectUserName} changed the type of the group {TargetUserName}"),
	AT(4765, ACCOUNT_CHANGE, "{SubjectUserName} added SID history to {TargetUserName}"),
	AT(4766, ACCOUNT_CHANGE, "{SubjectUserName} failed to add SID history to {TargetUserName}"),
	AT(4767, ACCOUNT_CHANGE, "{SubjectUserName} unlocked the account {TargetDomainName}\\{TargetUserName}"),
	AT(4768, LOGON, "Kerberos ticket-granting ticket asked for {TargetUserName} from {IpAddress}: {Status:status}"),
	AT(4769, OTHER, "Kerberos service ticket for {ServiceName} asked by {TargetUserName} from {IpAddress} (encryption {TicketEncryptionType})"),
	AT(4770, OTHER, "Kerberos ticket of {TargetUserName} for {ServiceName} renewed"),
	AT(4771, LOGON_FAILURE, "Kerberos pre-authentication of {TargetUserName} failed from {IpAddress}: {Status}"),
	AT(4772, LOGON_FAILURE, "Kerberos ticket request of {TargetUserName} failed"),
	AT(4773, LOGON_FAILURE, "Kerberos service ticket request of {TargetUserName} failed"),
	AT(4774, LOGON, "Account {MappedName} was mapped for logon"),
	AT(4776, LOGON, "Credentials of {TargetUserName} checked for {Workstation}: {Status:status}"),
	AT(4777, LOGON_FAILURE, "The domain controller refused the credentials of {TargetUserName}"),
	AT(4778, LOGON, "Session of {AccountDomain}\\{AccountName} reconnected from {ClientName} ({ClientAddress})"),
	AT(4779, LOGOFF, "Session of {AccountDomain}\\{AccountName} disconnected from {ClientName} ({ClientAddress})"),
	AT(4780, POLICY_CHANGE, "The ACL of administrators was set on {TargetUserName}"),
	AT(4781, ACCOUNT_CHANGE, "{SubjectUserName} renamed the account {OldTargetUserName} to {NewTargetUserName}"),
	AT(4782, ACCOUNT_CHANGE, "{SubjectUserName} read the password hash of {TargetUserName}"),
	AT(4793, OTHER, "{SubjectUserName} called the password policy check"),
	AT(4794, POLICY_CHANGE, "{SubjectUserName} tried to set the directory services restore mode password"),
	AT(4797, OTHER, "{SubjectUserName} checked whether {TargetUserName} has a blank password"),
	AT(4798, OTHER, "{SubjectUserName} listed the local groups of {TargetUserName} ({CallerProcessName:file})"),
	AT(4799, OTHER, "{SubjectUserName} listed the members of {TargetUserName} ({CallerProcessName:file})"),
	AT(4800, LOGOFF, "{TargetDomainName}\\{TargetUserName} locked the workstation"),
	AT(4801, LOGON, "{TargetDomainName}\\{TargetUserName} unlocked the workstation"),
	AT(4802, OTHER, "The screen saver of {TargetUserName} started"),
	AT(4803, OTHER, "The screen saver of {TargetUserName} ended"),
	AT(4816, OTHER, "RPC integrity violation while decrypting a message of {PeerName}"),
	AT(4817, POLICY_CHANGE, "{SubjectUserName} changed the audit settings of {ObjectName}"),
	AT(4825, LOGON_FAILURE, "Remote desktop access refused to {AccountName} from {ClientAddress}"),
	AT(4826, SYSTEM_START, "Boot configuration data loaded (test signing {TestSigning}, kernel debugging {KernelDebug})"),
	AT(4864, OTHER, "A namespace collision was found"),
	AT(4868, OTHER, "The certificate manager denied a pending request"),
	AT(4870, OTHER, "Certificate services revoked a certificate"),
	AT(4886, OTHER, "Certificate services got the request {RequestId} of {Requester}"),
	AT(4887, OTHER, "Certificate services issued a certificate for request {RequestId} of {Requester}: {Subject}"),
	AT(4888, OTHER, "Certificate services denied the request {RequestId} of {Requester}"),
	AT(4898, OTHER, "Certificate services loaded the template {TemplateInternalName}"),
	AT(4899, POLICY_CHANGE, "A certificate template was updated: {TemplateInternalName}"),
	AT(4902, POLICY_CHANGE, "The table of per-user audit policy was made"),
	AT(4904, POLICY_CHANGE, "{SubjectUserName} registered the event source {AuditSourceName}"),
	AT(4905, POLICY_CHANGE, "{SubjectUserName} removed the event source {AuditSourceName}"),
	AT(4906, POLICY_CHANGE, "CrashOnAuditFail was changed to {CrashOnAuditFailValue}"),
	AT(4907, POLICY_CHANGE, "{SubjectUserName} changed the auditing of {ObjectType} {ObjectName}"),
	AT(4908, POLICY_CHANGE, "The table of special groups was changed"),
	AT(4912, POLICY_CHANGE, "{SubjectUserName} changed the audit policy of {TargetUserSid}"),
	AT(4928, OTHER, "A directory replica source was set up: {SourceAddr}"),
	AT(4929, OTHER, "A directory replica source was removed: {SourceAddr}"),
	AT(4932, OTHER, "Replication of {NamingContext} from {SourceDRA} began"),
	AT(4933, OTHER, "Replication of {NamingContext} from {SourceDRA} ended"),
	AT(4944, POLICY_CHANGE, "Firewall policy at start: {GroupPolicyApplied}"),
	AT(4945, POLICY_CHANGE, "Firewall rule at start: {RuleName}"),
	AT(4946, POLICY_CHANGE, "A firewall rule was added: {RuleName}"),
	AT(4947, POLICY_CHANGE, "A firewall rule was changed: {RuleName}"),
	AT(4948, POLICY_CHANGE, "A firewall rule was deleted: {RuleName}"),
	AT(4950, POLICY_CHANGE, "The firewall setting {SettingType} was changed to {SettingValue}"),
	AT(4956, POLICY_CHANGE, "The firewall's active profile is now {ActiveProfile}"),
	AT(4957, POLICY_CHANGE, "The firewall did not apply the rule {RuleName}"),
	AT(4964, LOGON, "Special groups were given to the logon of {TargetUserName}"),
	AT(4985, OTHER, "A transaction changed its state ({ProcessName:file})"),
	AT(5024, SYSTEM_START, "The firewall service started"),
	AT(5025, SYSTEM_STOP, "The firewall service stopped"),
	AT(5031, NETWORK_CONNECT, "The firewall blocked {Application} from accepting connections"),
	AT(5033, SYSTEM_START, "The firewall driver started"),
	AT(5038, DRIVER_LOAD, "The image hash of {param1} is not valid"),
	AT(5058, OTHER, "{SubjectUserName} worked with the key file {KeyName} ({KeyFilePath})"),
	AT(5059, OTHER, "{SubjectUserName} moved the key {KeyName}"),
	AT(5061, OTHER, "{SubjectUserName} did a cryptographic operation with {KeyName}"),
	AT(5136, ACCOUNT_CHANGE, "{SubjectUserName} changed {AttributeLDAPDisplayName} of {ObjectDN} to {AttributeValue}"),
	AT(5137, ACCOUNT_CREATE, "{SubjectUserName} created the directory object {ObjectDN}"),
	AT(5138, ACCOUNT_CHANGE, "{SubjectUserName} undeleted the directory object {NewObjectDN}"),
	AT(5139, ACCOUNT_CHANGE, "{SubjectUserName} moved the directory object {OldObjectDN} to {NewObjectDN}"),
	AT(5140, NETWORK_SHARE, "{SubjectUserName} accessed the share {ShareName} from {IpAddress}"),
	AT(5141, ACCOUNT_DELETE, "{SubjectUserName} deleted the directory object {ObjectDN}"),
	AT(5142, NETWORK_SHARE, "{SubjectUserName} added the share {ShareName} ({ShareLocalPath})"),
	AT(5143, NETWORK_SHARE, "{SubjectUserName} changed the share {ShareName}"),
	AT(5144, NETWORK_SHARE, "{SubjectUserName} deleted the share {ShareName}"),
	AT(5145, NETWORK_SHARE, "{SubjectUserName} checked for {RelativeTargetName} on {ShareName} from {IpAddress}"),
	AT(5152, NETWORK_CONNECT, "A packet of {Application:file} was blocked: {SourceAddress}:{SourcePort} to {DestAddress}:{DestPort}"),
	AT(5154, NETWORK_LISTEN, "{Application:file} listens on {SourceAddress}:{SourcePort}"),
	AT(5155, NETWORK_LISTEN, "{Application:file} was not allowed to listen on {SourceAddress}:{SourcePort}"),
	AT(5156, NETWORK_CONNECT, "{Application:file} was allowed a connection: {SourceAddress}:{SourcePort} to {DestAddress}:{DestPort}"),
	AT(5157, NETWORK_CONNECT, "{Application:file} was refused a connection: {SourceAddress}:{SourcePort} to {DestAddress}:{DestPort}"),
	AT(5158, NETWORK_LISTEN, "{Application:file} bound to {SourceAddress}:{SourcePort}"),
	AT(5159, NETWORK_LISTEN, "{Application:file} was not allowed to bind to {SourceAddress}:{SourcePort}"),
	AT(5376, ACCOUNT_CHANGE, "{SubjectUserName} backed up the credential manager's credentials"),
	AT(5377, ACCOUNT_CHANGE, "{SubjectUserName} restored the credential manager's credentials"),
	AT(5379, OTHER, "{SubjectUserName} read credential manager credentials ({TargetName})"),
	AT(5381, OTHER, "{SubjectUserName} read vault credentials"),
	AT(5382, OTHER, "{SubjectUserName} read vault credentials ({Resource})"),
	AT(5632, LOGON, "{SubjectUserName} authenticated to the wireless network {SSID}"),
	AT(6272, LOGON, "The network policy server let in {SubjectUserName} ({ClientIPAddress})"),
	AT(6273, LOGON_FAILURE, "The network policy server refused {SubjectUserName}: {Reason}"),
	AT(6281, DRIVER_LOAD, "The page hashes of {param1} are not valid"),
	AT(6416, DEVICE_CONNECT, "A new external device was recognised: {DeviceDescription} ({DeviceId})"),
	AT(6419, DEVICE_CONNECT, "{SubjectUserName} asked to disable the device {DeviceDescription}"),
	AT(6422, DEVICE_CONNECT, "The device {DeviceDescription} was enabled"),
	AT(6423, DEVICE_CONNECT, "The installation of {DeviceDescription} is forbidden by policy"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Eventlog"
	AT(104, LOG_CLEARED, "{SubjectUserName} cleared the log {Channel}"),
	AT(1100, SYSTEM_STOP, "The event logging service shut down"),
	AT(1101, LOG_CLEARED, "Audit events were dropped by the transport: {Reason}"),
	AT(1102, LOG_CLEARED, "{SubjectDomainName}\\{SubjectUserName} cleared the audit log"),
	AT(1104, OTHER, "The security log is full"),
	AT(1105, OTHER, "The log {Channel} was backed up to {BackupPath}"),
	AT(1108, OTHER, "The event logging service failed on an event of {PublisherName}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Sysmon"
	AT(1, PROCESS_START, "{User} started {Image}: {CommandLine} (parent {ParentImage:file})"),
	AT(2, FILE_METADATA, "{Image:file} changed the creation time of {TargetFilename} from {PreviousCreationUtcTime} to {CreationUtcTime}"),
	AT(3, NETWORK_CONNECT, "{Image:file} connected {Protocol} {SourceIp}:{SourcePort} to {DestinationIp}:{DestinationPort} {DestinationHostname}"),
	AT(4, SERVICE_START, "The Sysmon service is now {State}"),
	AT(5, PROCESS_STOP, "{Image} ended"),
	AT(6, DRIVER_LOAD, "Driver {ImageLoaded} loaded (signed {Signed}: {Signature})"),
	AT(7, IMAGE_LOAD, "{Image:file} loaded {ImageLoaded} (signed {Signed})"),
	AT(8, PROCESS_ACCESS, "{SourceImage} started a thread in {TargetImage} at {StartAddress}"),
	AT(9, FILE_READ, "{Image} read the raw device {Device}"),
	AT(10, PROCESS_ACCESS, "{SourceImage} opened {TargetImage} with access {GrantedAccess}"),
	AT(11, FILE_CREATE, "{Image:file} created {TargetFilename}"),
	AT(12, REGISTRY_ADD, "{Image:file}: {EventType} {TargetObject}"),
	AT(13, REGISTRY_SET, "{Image:file} set {TargetObject} to {Details}"),
	AT(14, REGISTRY_SET, "{Image:file} renamed {TargetObject} to {NewName}"),
	AT(15, FILE_CREATE, "{Image:file} created the stream {TargetFilename}"),
	AT(16, POLICY_CHANGE, "The configuration of Sysmon was changed: {Configuration}"),
	AT(17, PIPE_CREATE, "{Image:file} created the pipe {PipeName}"),
	AT(18, PIPE_CREATE, "{Image:file} connected to the pipe {PipeName}"),
	AT(19, WMI, "{User} {Operation} the WMI filter {Name}: {Query}"),
	AT(20, WMI, "{User} {Operation} the WMI consumer {Name}: {Destination}"),
	AT(21, WMI, "{User} {Operation} the WMI binding of {Consumer} to {Filter}"),
	AT(22, DNS_QUERY, "{Image:file} looked up {QueryName}: {QueryResults}"),
	AT(23, FILE_DELETE, "{Image:file} deleted {TargetFilename} (kept by Sysmon)"),
	AT(24, OTHER, "{Image:file} changed the clipboard"),
	AT(25, PROCESS_ACCESS, "{Image} was tampered with: {Type}"),
	AT(26, FILE_DELETE, "{Image:file} deleted {TargetFilename}"),
	AT(27, FILE_CREATE, "Sysmon blocked {Image:file} from creating the executable {TargetFilename}"),
	AT(28, FILE_DELETE, "Sysmon blocked {Image:file} from shredding {TargetFilename}"),
	AT(29, FILE_CREATE, "{Image:file} created the executable {TargetFilename}"),
	AT(255, OTHER, "Sysmon error {ID}: {Description}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-PowerShell"
	AT(4100, SCRIPT_BLOCK, "PowerShell error: {Payload}"),
	AT(4103, SCRIPT_BLOCK, "PowerShell ran {Payload}"),
	AT(4104, SCRIPT_BLOCK, "PowerShell script block {MessageNumber} of {MessageTotal} {Path}: {ScriptBlockText}"),
	AT(4105, SCRIPT_BLOCK, "PowerShell began the script block {ScriptBlockId}"),
	AT(4106, SCRIPT_BLOCK, "PowerShell ended the script block {ScriptBlockId}"),
	AT(8193, OTHER, "A PowerShell session was made"),
	AT(24577, SCRIPT_BLOCK, "PowerShell ISE began to run {FileName}"),
	AT(40961, PROCESS_START, "PowerShell console is starting up"),
	AT(40962, PROCESS_START, "PowerShell console is ready for input"),
	AT(53504, PROCESS_START, "PowerShell opened a listener in process {param1}, domain {param2}"),
#undef PROVIDER
#define PROVIDER "PowerShellCore"
	AT(4103, SCRIPT_BLOCK, "PowerShell ran {Payload}"),
	AT(4104, SCRIPT_BLOCK, "PowerShell script block {MessageNumber} of {MessageTotal} {Path}: {ScriptBlockText}"),
	AT(40961, PROCESS_START, "PowerShell console is starting up"),
#undef PROVIDER
#define PROVIDER "PowerShell"
	AT(400, SCRIPT_BLOCK, "PowerShell engine started: {Data}"),
	AT(403, SCRIPT_BLOCK, "PowerShell engine stopped: {Data}"),
	AT(500, SCRIPT_BLOCK, "PowerShell command started: {Data}"),
	AT(501, SCRIPT_BLOCK, "PowerShell command stopped: {Data}"),
	AT(600, SCRIPT_BLOCK, "PowerShell provider started: {Data}"),
	AT(800, SCRIPT_BLOCK, "PowerShell pipeline ran: {Data}"),
#undef PROVIDER
#define PROVIDER "Service Control Manager"
	AT(7000, SERVICE_START, "The service {param1} failed to start: {param2}"),
	AT(7001, SERVICE_START, "The service {param1} did not start because {param2} failed: {param3}"),
	AT(7009, SERVICE_START, "The service {param2} did not connect within {param1} ms"),
	AT(7011, SERVICE_START, "The service {param2} did not answer within {param1} ms"),
	AT(7022, SERVICE_START, "The service {param1} hung on starting"),
	AT(7023, SERVICE_STOP, "The service {param1} ended with the error {param2}"),
	AT(7024, SERVICE_STOP, "The service {param1} ended with its own error {param2}"),
	AT(7026, DRIVER_LOAD, "Boot or system drivers failed to load: {param1}"),
	AT(7030, SERVICE_INSTALL, "The service {param1} is marked interactive, which is not allowed"),
	AT(7031, SERVICE_STOP, "The service {param1} ended unexpectedly ({param2} times)"),
	AT(7034, SERVICE_STOP, "The service {param1} ended unexpectedly ({param2} times)"),
	AT(7035, SERVICE_START, "The service {param1} was sent a {param2} control"),
	AT(7036, SERVICE_START, "The service {param1} is now {param2}"),
	AT(7038, LOGON_FAILURE, "The service {param1} could not log on as {param2}: {param3}"),
	AT(7040, SERVICE_INSTALL, "The start type of {param1} was changed from {param2} to {param3}"),
	AT(7041, LOGON_FAILURE, "The service {param1} could not log on as {param2}"),
	AT(7042, SERVICE_STOP, "The service {param1} was sent a {param2} control"),
	AT(7045, SERVICE_INSTALL, "Service {ServiceName} installed: {ImagePath} ({StartType}, as {AccountName})"),
#undef PROVIDER
#define PROVIDER "EventLog"
	AT(6005, SYSTEM_START, "The event log service started"),
	AT(6006, SYSTEM_STOP, "The event log service stopped"),
	AT(6008, SYSTEM_STOP, "The previous shutdown was unexpected: {Data}"),
	AT(6009, SYSTEM_INFO, "Windows version at boot: {Data}"),
	AT(6011, SYSTEM_INFO, "The computer's name was changed: {Data}"),
	AT(6013, SYSTEM_INFO, "System uptime: {Data}"),
#undef PROVIDER
#define PROVIDER "User32"
	AT(1074, SYSTEM_STOP, "{param7} asked for a {param5} ({param1}): {param3}"),
	AT(1076, SYSTEM_STOP, "Reason for the last unexpected shutdown: {param1}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Kernel-General"
	AT(1, TIME_CHANGE, "The system time was changed from {OldTime} to {NewTime}"),
	AT(12, SYSTEM_START, "Windows started at {StartTime} (version {MajorVersion}.{MinorVersion}, build {BuildVersion})"),
	AT(13, SYSTEM_STOP, "Windows shut down at {StopTime}"),
	AT(16, OTHER, "The access history in the hive {HiveName} was cleared"),
	AT(24, SYSTEM_INFO, "The time zone is {CurrentTimeZoneID|TimeZoneInfoBias}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Kernel-Power"
	AT(41, SYSTEM_START, "Windows restarted without a clean shutdown first (bugcheck {BugcheckCode})"),
	AT(42, SYSTEM_STOP, "Windows goes to sleep (reason {Reason})"),
	AT(107, SYSTEM_START, "Windows resumed from sleep"),
	AT(109, SYSTEM_STOP, "The kernel power manager began a shutdown (reason {ShutdownReason})"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Kernel-Boot"
	AT(20, SYSTEM_START, "The last shutdown's success was {LastShutdownGood}, the last boot's {LastBootGood}"),
	AT(27, SYSTEM_START, "Boot type {BootType}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Power-Troubleshooter"
	AT(1, SYSTEM_START, "Windows woke up at {WakeTime} after sleeping since {SleepTime}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Winlogon"
	AT(7001, LOGON, "Notification of the logon of {UserSid}"),
	AT(7002, LOGOFF, "Notification of the logoff of {UserSid}"),
	AT(811, OTHER, "Winlogon notification for {SubscriberName} began"),
	AT(812, OTHER, "Winlogon notification for {SubscriberName} ended"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-WER-SystemErrorReporting"
	AT(1001, SYSTEM_START, "Windows restarted after the bugcheck {param1}, dump in {param2}"),
#undef PROVIDER
#define PROVIDER "Application Error"
	AT(1000, PROCESS_STOP, "A process crashed: {AppName|Data}"),
#undef PROVIDER
#define PROVIDER "Windows Error Reporting"
	AT(1001, PROCESS_STOP, "An error was reported: {Data}"),
#undef PROVIDER
#define PROVIDER "MsiInstaller"
	AT(1033, PACKAGE_INSTALL, "Product installed: {Data}"),
	AT(1034, PACKAGE_REMOVE, "Product removed: {Data}"),
	AT(1040, PACKAGE_INSTALL, "An installer transaction began: {Data}"),
	AT(1042, PACKAGE_INSTALL, "An installer transaction ended: {Data}"),
	AT(11707, PACKAGE_INSTALL, "Product installed: {Data}"),
	AT(11708, PACKAGE_INSTALL, "Product installation failed: {Data}"),
	AT(11724, PACKAGE_REMOVE, "Product removed: {Data}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-WindowsUpdateClient"
	AT(19, PACKAGE_INSTALL, "Update installed: {updateTitle}"),
	AT(20, PACKAGE_INSTALL, "Update failed: {updateTitle} ({errorCode})"),
	AT(43, PACKAGE_INSTALL, "Update begins: {updateTitle}"),
	AT(44, DOWNLOAD, "Update download begins: {updateTitle}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Servicing"
	AT(2, PACKAGE_INSTALL, "Package {PackageIdentifier} is now {IntendedPackageState}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-TaskScheduler"
	AT(100, TASK_RUN, "Task {TaskName} started for {UserContext}"),
	AT(101, TASK_RUN, "Task {TaskName} failed to start for {UserContext}"),
	AT(102, TASK_RUN, "Task {TaskName} finished for {UserContext}"),
	AT(103, TASK_RUN, "Task {TaskName} failed to start its action {ActionName}"),
	AT(106, TASK_CREATE, "{UserContext} registered the task {TaskName}"),
	AT(107, TASK_RUN, "Task {TaskName} was triggered on schedule"),
	AT(108, TASK_RUN, "Task {TaskName} was triggered by an event"),
	AT(109, TASK_RUN, "Task {TaskName} was triggered by registration"),
	AT(110, TASK_RUN, "{UserContext} ran the task {TaskName}"),
	AT(111, TASK_RUN, "Task {TaskName} was terminated"),
	AT(118, TASK_RUN, "Task {TaskName} was triggered by startup"),
	AT(119, TASK_RUN, "Task {TaskName} was triggered by the logon of {UserName}"),
	AT(129, TASK_RUN, "Task {TaskName} started {Path} (process {ProcessID})"),
	AT(140, TASK_CREATE, "{UserName} updated the task {TaskName}"),
	AT(141, TASK_DELETE, "{UserName} deleted the task {TaskName}"),
	AT(142, TASK_DELETE, "{UserName} disabled the task {TaskName}"),
	AT(200, TASK_RUN, "Task {TaskName} began its action {ActionName}"),
	AT(201, TASK_RUN, "Task {TaskName} finished its action {ActionName} with {ResultCode}"),
	AT(203, TASK_RUN, "Task {TaskName} failed to begin its action {ActionName}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-TerminalServices-LocalSessionManager"
	AT(21, LOGON, "Remote desktop session {SessionID} of {User} logged on from {Address}"),
	AT(22, LOGON, "Remote desktop session {SessionID} of {User}: the shell started ({Address})"),
	AT(23, LOGOFF, "Remote desktop session {SessionID} of {User} logged off"),
	AT(24, LOGOFF, "Remote desktop session {SessionID} of {User} disconnected ({Address})"),
	AT(25, LOGON, "Remote desktop session {SessionID} of {User} reconnected from {Address}"),
	AT(39, LOGOFF, "Session {TargetSession} was disconnected by session {Source}"),
	AT(40, LOGOFF, "Session {Session} was disconnected, reason {Reason}"),
	AT(41, OTHER, "Session {SessionID} of {User}: arbitration began"),
	AT(42, OTHER, "Session {SessionID} of {User}: arbitration ended"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
	AT(261, NETWORK_CONNECT, "The listener {listenerName} received a connection"),
	AT(1149, LOGON, "Remote desktop: {Param2}\\{Param1} authenticated from {Param3}"),
	AT(1158, NETWORK_CONNECT, "Remote desktop accepted a connection from {Param1}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-TerminalServices-ClientActiveXCore"
	AT(1024, NETWORK_CONNECT, "Remote desktop client tries to connect to {Value}"),
	AT(1025, NETWORK_CONNECT, "Remote desktop client connected"),
	AT(1026, NETWORK_CONNECT, "Remote desktop client disconnected: {Value}"),
	AT(1027, NETWORK_CONNECT, "Remote desktop client is in the domain {DomainName}, session {SessionId}"),
	AT(1029, NETWORK_CONNECT, "Remote desktop client: hash of the user name is {TraceMessage}"),
	AT(1102, NETWORK_CONNECT, "Remote desktop client began a connection to {Value}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS"
	AT(98, NETWORK_CONNECT, "A remote desktop connection was accepted"),
	AT(131, NETWORK_CONNECT, "Remote desktop server accepted a {ConnType} connection from {ClientIP}"),
	AT(140, LOGON_FAILURE, "Remote desktop logon from {IPString} failed: wrong user name or password"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-WMI-Activity"
	AT(5857, WMI, "WMI provider {ProviderName} started: {ProviderPath}"),
	AT(5858, WMI, "WMI operation of {User} from {ClientMachine} failed: {Operation} ({ResultCode})"),
	AT(5859, WMI, "WMI filter of {User}: {Query|PossibleCause}"),
	AT(5860, WMI, "Temporary WMI subscription of {User}: {Query}"),
	AT(5861, PERSISTENCE, "Permanent WMI subscription {ESS}: {CONSUMER}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Bits-Client"
	AT(3, DOWNLOAD, "{jobOwner|param2} created the BITS job {jobTitle|param1} ({processPath})"),
	AT(4, DOWNLOAD, "The BITS job {jobTitle} of {jobOwner} is complete ({fileCount} files)"),
	AT(5, DOWNLOAD, "The BITS job {jobTitle} of {jobOwner} was cancelled"),
	AT(59, DOWNLOAD, "BITS began {name}: {url}"),
	AT(60, DOWNLOAD, "BITS stopped {name}: {url} ({hr})"),
	AT(61, DOWNLOAD, "BITS stopped {name}: {url} ({hr})"),
	AT(16403, DOWNLOAD, "{User|jobOwner} added a file to the BITS job {jobTitle}: {RemoteName}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-DNS-Client"
	AT(1014, DNS_QUERY, "Looking up {QueryName} timed out"),
	AT(3006, DNS_QUERY, "DNS query for {QueryName}"),
	AT(3008, DNS_QUERY, "DNS query for {QueryName}: {QueryResults}"),
	AT(3010, DNS_QUERY, "DNS query for {QueryName} sent to {DnsServerIpAddress}"),
	AT(3020, DNS_QUERY, "DNS query for {QueryName} answered: {QueryResults}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-DNS-Server-Service"
	AT(150, DRIVER_LOAD, "The DNS server could not load the plug-in {param1}"),
	AT(770, DRIVER_LOAD, "The DNS server loaded the plug-in {param1}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Windows Defender"
	AT(1000, OTHER, "Defender began a scan of type {Scan Type}"),
	AT(1001, OTHER, "Defender finished a scan of type {Scan Type}"),
	AT(1002, OTHER, "A Defender scan was stopped before it ended"),
	AT(1006, MALWARE_FOUND, "Defender found {Threat Name} in {Path}"),
	AT(1007, MALWARE_FOUND, "Defender acted on {Threat Name}: {Action Name}"),
	AT(1008, MALWARE_FOUND, "Defender could not act on {Threat Name}: {Error Description}"),
	AT(1009, MALWARE_FOUND, "{User} restored {Threat Name} from quarantine"),
	AT(1011, MALWARE_FOUND, "{User} deleted {Threat Name} from quarantine"),
	AT(1013, LOG_CLEARED, "{User} deleted Defender's history"),
	AT(1015, MALWARE_FOUND, "Defender found suspicious behaviour: {Threat Name} in {Process Name}"),
	AT(1116, MALWARE_FOUND, "Defender found {Threat Name} in {Path} ({Process Name}, {Detection User})"),
	AT(1117, MALWARE_FOUND, "Defender acted on {Threat Name} in {Path}: {Action Name}"),
	AT(1118, MALWARE_FOUND, "Defender failed to act on {Threat Name} in {Path}: {Error Description}"),
	AT(1119, MALWARE_FOUND, "Defender met a critical error with {Threat Name} in {Path}: {Error Description}"),
	AT(1121, MALWARE_FOUND, "An attack surface reduction rule blocked {Process Name}: {Path}"),
	AT(1122, MALWARE_FOUND, "An attack surface reduction rule would have blocked {Process Name}: {Path}"),
	AT(1123, MALWARE_FOUND, "Controlled folder access blocked {Process Name} from {Path}"),
	AT(2000, OTHER, "Defender's signatures were updated to {Current Signature Version}"),
	AT(2001, OTHER, "Defender's signatures could not be updated: {Error Description}"),
	AT(3002, POLICY_CHANGE, "Defender's real-time protection failed: {Feature Name}"),
	AT(5000, POLICY_CHANGE, "Defender's real-time protection was enabled"),
	AT(5001, POLICY_CHANGE, "Defender's real-time protection was disabled"),
	AT(5004, POLICY_CHANGE, "Defender's real-time protection was configured: {Feature Name}"),
	AT(5007, POLICY_CHANGE, "Defender's configuration changed from {Old Value} to {New Value}"),
	AT(5010, POLICY_CHANGE, "Defender's scanning for malware was disabled"),
	AT(5012, POLICY_CHANGE, "Defender's scanning for viruses was disabled"),
	AT(5013, POLICY_CHANGE, "Tamper protection blocked a change to Defender: {Value}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Windows Firewall With Advanced Security"
	AT(2003, POLICY_CHANGE, "Firewall setting {SettingType} changed to {SettingValue} by {ModifyingApplication}"),
	AT(2004, POLICY_CHANGE, "Firewall rule {RuleName} added for {ApplicationPath} by {ModifyingApplication}"),
	AT(2005, POLICY_CHANGE, "Firewall rule {RuleName} changed by {ModifyingApplication}"),
	AT(2006, POLICY_CHANGE, "Firewall rule {RuleName} deleted by {ModifyingApplication}"),
	AT(2033, POLICY_CHANGE, "All firewall rules were deleted by {ModifyingApplication}"),
	AT(2071, POLICY_CHANGE, "Firewall rule {RuleName} added for {ApplicationPath} by {ModifyingApplication}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-AppLocker"
	AT(8002, PROCESS_START, "AppLocker allowed {FilePath}"),
	AT(8003, PROCESS_START, "AppLocker would have blocked {FilePath}"),
	AT(8004, PROCESS_START, "AppLocker blocked {FilePath}"),
	AT(8005, SCRIPT_BLOCK, "AppLocker allowed the script {FilePath}"),
	AT(8006, SCRIPT_BLOCK, "AppLocker would have blocked the script {FilePath}"),
	AT(8007, SCRIPT_BLOCK, "AppLocker blocked the script {FilePath}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-CodeIntegrity"
	AT(3001, DRIVER_LOAD, "An unsigned kernel module was loaded: {FileNameBuffer|File Name}"),
	AT(3023, DRIVER_LOAD, "The driver {FileNameBuffer} was blocked"),
	AT(3033, IMAGE_LOAD, "{ProcessNameBuffer} tried to load {FileNameBuffer}, which is not signed well enough"),
	AT(3063, IMAGE_LOAD, "{ProcessNameBuffer} tried to load {FileNameBuffer}, which is not signed well enough"),
	AT(3076, IMAGE_LOAD, "Code integrity would have blocked {File Name} in {Process Name}"),
	AT(3077, IMAGE_LOAD, "Code integrity blocked {File Name} in {Process Name}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-DriverFrameworks-UserMode"
	AT(2003, DEVICE_CONNECT, "A driver host was asked to load drivers for {InstanceId|instance}"),
	AT(2100, DEVICE_CONNECT, "A device operation for {InstanceId|instance}"),
	AT(2102, DEVICE_CONNECT, "A device operation for {InstanceId|instance} ended"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-UserPnp"
	AT(20001, DEVICE_CONNECT, "Driver {DriverName} installed for {DeviceInstanceID}"),
	AT(20003, DEVICE_CONNECT, "Service {ServiceName} added for {DeviceInstanceID}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Kernel-PnP"
	AT(400, DEVICE_CONNECT, "Device {DeviceInstanceId} was configured ({DriverName})"),
	AT(410, DEVICE_CONNECT, "Device {DeviceInstanceId} was started ({DriverName})"),
	AT(420, DEVICE_CONNECT, "Device {DeviceInstanceId} was removed"),
	AT(430, DEVICE_CONNECT, "Device {DeviceInstanceId} needs more installation"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Partition"
	AT(1006, DEVICE_CONNECT, "Disk {Manufacturer} {Model}, serial number {SerialNumber} ({ParentId})"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Ntfs"
	AT(98, MOUNT_SEEN, "Volume {DriveName} is healthy"),
	AT(142, MOUNT_SEEN, "Space on {VolumeName}: {LowestFreeSpaceInBytes} bytes free at least"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-VHDMP"
	AT(1, MOUNT_SEEN, "Virtual disk {VhdFileName|VhdFile} came online"),
	AT(2, MOUNT_SEEN, "Virtual disk {VhdFileName|VhdFile} was removed"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-SMBServer"
	AT(551, LOGON_FAILURE, "SMB session of {UserName} from {ClientName} failed: {Status:status}"),
	AT(1006, NETWORK_SHARE, "{UserName} was refused the share {ShareName} ({ClientName})"),
	AT(1009, NETWORK_SHARE, "An anonymous SMB session of {ClientName} was refused"),
	AT(3000, NETWORK_SHARE, "SMB1 was used by {ClientName}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-SMBClient"
	AT(30803, NETWORK_CONNECT, "SMB client could not connect to {ServerName}"),
	AT(30804, NETWORK_CONNECT, "SMB client lost its connection to {ServerName}"),
	AT(31001, LOGON_FAILURE, "SMB client could not log on to {ServerName} as {UserName}: {Status:status}"),
	AT(31010, NETWORK_SHARE, "SMB client could not connect to the share {ShareName}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-WinRM"
	AT(6, NETWORK_CONNECT, "WinRM client session to {connection}"),
	AT(8, NETWORK_CONNECT, "WinRM client session closing"),
	AT(91, NETWORK_CONNECT, "WinRM created a shell on the server: {resourceUri}"),
	AT(142, NETWORK_CONNECT, "WinRM operation {operationName} failed: {errorCode}"),
	AT(161, LOGON_FAILURE, "WinRM could not authenticate a user: {authFailureMessage}"),
	AT(168, LOGON, "WinRM sends a response to an authenticated request"),
	AT(169, LOGON, "WinRM authenticated {username} with {authenticationMechanism}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-NTLM"
	AT(8001, LOGON, "NTLM client: {UserName} authenticates to {TargetName} ({ProcessName})"),
	AT(8002, LOGON, "NTLM server: a local account was authenticated ({ProcessName})"),
	AT(8004, LOGON, "NTLM at the domain controller: {DomainName}\\{UserName} from {WorkstationName} to {SChannelName}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-User Profiles Service"
	AT(1, LOGON, "The profile service received the logon of session {Session}"),
	AT(2, LOGON, "The profile service finished the logon of session {Session}"),
	AT(3, LOGOFF, "The profile service received the logoff of session {Session}"),
	AT(4, LOGOFF, "The profile service finished the logoff of session {Session}"),
	AT(5, LOGON, "The registry hive {File} was loaded at {Key}"),
	AT(67, LOGON, "The profile of type {LogonType} is at {LocalPath}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Shell-Core"
	AT(9707, PROCESS_START, "Explorer began the autostart command {Command}"),
	AT(9708, PROCESS_START, "Explorer finished the autostart command {Command} (process {PID})"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-NetworkProfile"
	AT(10000, NETWORK_CONNECT, "Connected to the network {Name} ({Description})"),
	AT(10001, NETWORK_CONNECT, "Disconnected from the network {Name}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-WLAN-AutoConfig"
	AT(8000, NETWORK_CONNECT, "Connecting to the wireless network {SSID}"),
	AT(8001, NETWORK_CONNECT, "Connected to the wireless network {SSID} ({BSSID})"),
	AT(8003, NETWORK_CONNECT, "Disconnected from the wireless network {SSID}: {Reason}"),
	AT(11001, NETWORK_CONNECT, "Associated with the wireless network {SSID}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-GroupPolicy"
	AT(1500, POLICY_CHANGE, "Computer policy was applied ({DCName})"),
	AT(1501, POLICY_CHANGE, "User policy was applied ({DCName})"),
	AT(1502, POLICY_CHANGE, "New computer policy was applied ({DCName})"),
	AT(1503, POLICY_CHANGE, "New user policy was applied ({DCName})"),
	AT(5312, POLICY_CHANGE, "Group policy objects to apply: {GPOInfoList}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Time-Service"
	AT(35, TIME_CHANGE, "The clock is now set from {TimeSource}"),
	AT(37, TIME_CHANGE, "Time data is received from {TimeSource}"),
	AT(158, TIME_CHANGE, "The time provider {TimeProvider} says that the host is virtual"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Application-Experience"
	AT(500, PROCESS_START, "A compatibility fix was applied to {ExePath|ProcessName}"),
	AT(505, PROCESS_START, "A compatibility fix was applied to {ExePath}: {FixName}"),
#undef PROVIDER
#define PROVIDER "ESENT"
	AT(216, FILE_CREATE, "A database was moved: {Data}"),
	AT(325, FILE_CREATE, "A database was created: {Data}"),
	AT(326, FILE_READ, "A database was attached: {Data}"),
	AT(327, FILE_READ, "A database was detached: {Data}"),
#undef PROVIDER
#define PROVIDER "VSS"
	AT(8193, OTHER, "Volume shadow copy error: {Data}"),
	AT(8224, SERVICE_STOP, "The volume shadow copy service is idle and stops"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Backup"
	AT(4, OTHER, "The backup is complete"),
	AT(5, OTHER, "The backup failed"),
	AT(524, FILE_DELETE, "The backup catalog was deleted"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Directory-Services-SAM"
	AT(16962, POLICY_CHANGE, "Remote calls to the SAM are restricted: {SecurityDescriptor}"),
	AT(16965, LOGON_FAILURE, "A remote call to the SAM from {Param2} was refused"),
#undef PROVIDER
#define PROVIDER "NTDS ISAM"
	AT(325, FILE_CREATE, "A directory database was created: {Data}"),
	AT(327, FILE_READ, "A directory database was detached: {Data}"),
#undef PROVIDER
#define PROVIDER "NETLOGON"
	AT(5723, LOGON_FAILURE, "A session of the computer {Data} was refused"),
	AT(5805, LOGON_FAILURE, "A session of the computer {Data} failed to authenticate"),
	AT(5829, LOGON, "A vulnerable Netlogon connection was allowed: {Data}"),
#undef PROVIDER
#define PROVIDER "MSSQLSERVER"
	AT(15457, POLICY_CHANGE, "A setting of SQL Server was changed: {Data}"),
	AT(18453, LOGON, "SQL Server logon: {Data}"),
	AT(18454, LOGON, "SQL Server logon: {Data}"),
	AT(18456, LOGON_FAILURE, "SQL Server logon failed: {Data}"),
	AT(33205, OTHER, "SQL Server audit: {Data}"),
#undef PROVIDER
#define PROVIDER "OpenSSH"
	AT(4, LOGON, "{process}: {payload}"),
#undef PROVIDER
#define PROVIDER "ScreenConnect"
	AT(0, OTHER, "ScreenConnect: {Data}"),
#undef PROVIDER
#undef AT
};
/* clang-format on */

#define KNOWN (sizeof(table) / sizeof(table[0]))

/* Asked once for each provider and id of a plan; the rows of an id are chained by its low bits. */
const struct evtx_known *evtx_known(struct view provider, uint64_t id)
{
	static uint16_t first[256], next[KNOWN];
	static bool chained;

	if (!chained) {
		for (size_t i = KNOWN; i-- > 0;) {
			next[i] = first[table[i].id % 256];
			first[table[i].id % 256] = (uint16_t)(i + 1);
		}
		chained = true;
	}
	for (size_t i = first[id % 256]; i; i = next[i - 1])
		if (table[i - 1].id == id && view_is(provider, table[i - 1].provider))
			return &table[i - 1];
	return NULL;
}

/*
 * Ids that mean two things: the kind is another one when the field begins so (an English text), or
 * is a number that is not zero.
 */
static const struct evtx_refinement refinements[] = {
	{"Microsoft-Windows-Security-Auditing", 4768, "Status", NULL, KIND_LOGON_FAILURE},
	{"Microsoft-Windows-Security-Auditing", 4776, "Status", NULL, KIND_LOGON_FAILURE},
	{"Microsoft-Windows-Sysmon", 4, "State", "Stopped", KIND_SERVICE_STOP},
	{"Microsoft-Windows-Sysmon", 12, "EventType", "Delete", KIND_REGISTRY_DELETE},
	{"Service Control Manager", 7036, "param2", "stopped", KIND_SERVICE_STOP},
};

const struct evtx_refinement *evtx_refinement(const struct evtx_known *known)
{
	for (size_t i = 0; i < sizeof(refinements) / sizeof(refinements[0]); i++)
		if (refinements[i].id == known->id &&
		    strcmp(refinements[i].provider, known->provider) == 0)
			return &refinements[i];
	return NULL;
}

bool evtx_refines(const struct evtx_refinement *r, const struct value *v)
{
	size_t n;

	if (!r->text)
		return (v->type == VALUE_HEX || v->type == VALUE_UNSIGNED) && v->u != 0;
	n = strlen(r->text);
	if (v->type != VALUE_UTF16 || v->len < n * 2)
		return false;
	for (size_t i = 0; i < n; i++)
		if (v->data[i * 2] != (uint8_t)r->text[i] || v->data[i * 2 + 1])
			return false;
	return true;
}

/* ---- values in words ---- */

static void logon_type(struct buffer *out, const struct value *v)
{
	static const char *const names[] = {[0] = "system",
					    [2] = "interactive",
					    [3] = "network",
					    [4] = "batch",
					    [5] = "service",
					    [7] = "unlock",
					    [8] = "network, password in clear",
					    [9] = "other credentials",
					    [10] = "RDP",
					    [11] = "cached",
					    [12] = "cached RDP",
					    [13] = "cached unlock"};

	if (v->type == VALUE_UNSIGNED && v->u < sizeof(names) / sizeof(names[0]) && names[v->u]) {
		buffer_string(out, names[v->u]);
	} else {
		buffer_string(out, "type ");
		value_append(out, v);
	}
}

/* NTSTATUS and Kerberos codes that tell why somebody was not let in; [MS-ERREF] 2.3, RFC
 * 4120 7.5.9. */
static void status(struct buffer *out, const struct value *v)
{
	static const struct {
		uint32_t code;
		const char *text;
	} known[] = {
		{0, "success"},
		{0x6, "no such account"},
		{0x7, "no such service"},
		{0xc, "forbidden by policy"},
		{0x12, "account disabled, expired or locked"},
		{0x17, "password expired"},
		{0x18, "wrong password"},
		{0x25, "clocks differ too much"},
		{0xc000005e, "no logon server"},
		{0xc0000022, "access denied"},
		{0xc0000064, "no such account"},
		{0xc000006a, "wrong password"},
		{0xc000006d, "wrong user name or password"},
		{0xc000006e, "account restriction"},
		{0xc000006f, "outside the allowed hours"},
		{0xc0000070, "workstation not allowed"},
		{0xc0000071, "password expired"},
		{0xc0000072, "account disabled"},
		{0xc00000dc, "server in the wrong state"},
		{0xc0000133, "clocks differ too much"},
		{0xc000015b, "logon type not granted"},
		{0xc000018c, "trust failed"},
		{0xc0000192, "Netlogon is not started"},
		{0xc0000193, "account expired"},
		{0xc0000224, "password must be changed"},
		{0xc0000234, "account locked out"},
		{0xc0000413, "authentication firewall"},
	};

	if (v->type == VALUE_HEX || v->type == VALUE_UNSIGNED) {
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (known[i].code == v->u) {
				buffer_string(out, known[i].text);
				return;
			}
		}
	}
	value_append(out, v);
}

/* The last part of a path. */
static void file_name(struct buffer *out, const struct value *v)
{
	size_t start = out->len, at;

	value_append(out, v);
	for (at = out->len; at > start && out->data[at - 1] != '\\' && out->data[at - 1] != '/';
	     at--)
		;
	if (at > start && at < out->len) {
		memmove(out->data + start, out->data + at, out->len - at);
		out->len -= at - start;
	}
}

evtx_format evtx_format_named(struct view name)
{
	if (view_is(name, "logon"))
		return logon_type;
	if (view_is(name, "status"))
		return status;
	if (view_is(name, "file"))
		return file_name;
	return NULL;
}
