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
#include <strings.h>

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
	AT(4616, TIME_CHANGE, "{SubjectUserName} changed the system time from {PreviousTime} to {NewTime}{ProcessName:using}"),
	AT(4621, OTHER, "Administrator recovered the system from CrashOnAuditFail"),
	AT(4622, OTHER, "Security package {SecurityPackageName} loaded by the LSA"),
	AT(4624, LOGON, "Account {TargetDomainName:domain}{TargetUserName} logged on{IpAddress:from} ({LogonType:logon})"),
	AT(4625, LOGON_FAILURE, "Account {TargetDomainName:domain}{TargetUserName} failed to log on{IpAddress:from} ({LogonType:logon}): {SubStatus:status}"),
	AT(4627, OTHER, "Groups of {TargetDomainName:domain}{TargetUserName} at logon: {GroupMembership}"),
	AT(4634, LOGOFF, "Account {TargetDomainName:domain}{TargetUserName} logged off ({LogonType:logon})"),
	AT(4647, LOGOFF, "Account {TargetDomainName:domain}{TargetUserName} asked to log off"),
	AT(4648, LOGON, "{SubjectUserName} used the credentials of {TargetDomainName:domain}{TargetUserName} for {TargetServerName}{ProcessName:using}"),
	AT(4649, LOGON_FAILURE, "A replay attack was detected for {TargetUserName}"),
	AT(4656, FILE_READ, "{SubjectUserName} asked for a handle to {ObjectType} {ObjectName}{ProcessName:using}"),
	AT(4657, REGISTRY_SET, "{SubjectUserName} set {ObjectName} {ObjectValueName} to {NewValue}{ProcessName:using}"),
	AT(4658, OTHER, "Handle {HandleId} closed by {ProcessName:file}"),
	AT(4659, FILE_DELETE, "{SubjectUserName} asked for a handle to {ObjectName} with intent to delete"),
	AT(4660, FILE_DELETE, "{SubjectUserName} deleted the object of handle {HandleId}{ProcessName:using}"),
	AT(4661, OTHER, "{SubjectUserName} asked for a handle to {ObjectType} {ObjectName}"),
	AT(4662, OTHER, "{SubjectUserName} operated on the directory object {ObjectName}: {Properties:words}"),
	AT(4663, FILE_READ, "{SubjectUserName} accessed {ObjectType} {ObjectName}{ProcessName:using}: {AccessList:words}"),
	AT(4664, FILE_CREATE, "{SubjectUserName} tried to create the hard link {LinkName} to {FileName}"),
	AT(4670, FILE_METADATA, "{SubjectUserName} changed the permissions of {ObjectType} {ObjectName}"),
	AT(4672, PRIVILEGE_USE, "Special privileges given to {SubjectDomainName:domain}{SubjectUserName}: {PrivilegeList:words}"),
	AT(4673, PRIVILEGE_USE, "{SubjectUserName} called the privileged service {Service} with {ProcessName:file}: {PrivilegeList:words}"),
	AT(4674, PRIVILEGE_USE, "{SubjectUserName} used {PrivilegeList:words} on {ObjectName}{ProcessName:using}"),
	AT(4675, LOGON, "SIDs were filtered for {TargetUserName}"),
	AT(4688, PROCESS_START, "{SubjectUserName} started {NewProcessName}{CommandLine:colon}{ParentProcessName:parent}"),
	AT(4689, PROCESS_STOP, "{SubjectUserName} ended {ProcessName} with {Status}"),
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
	AT(4719, POLICY_CHANGE, "{SubjectUserName} changed the audit policy of {SubcategoryGuid}: {AuditPolicyChanges:words}"),
	AT(4720, ACCOUNT_CREATE, "{SubjectUserName} created the account {TargetDomainName:domain}{TargetUserName}"),
	AT(4722, ACCOUNT_CHANGE, "{SubjectUserName} enabled the account {TargetDomainName:domain}{TargetUserName}"),
	AT(4723, ACCOUNT_CHANGE, "{SubjectUserName} tried to change the password of {TargetDomainName:domain}{TargetUserName}"),
	AT(4724, ACCOUNT_CHANGE, "{SubjectUserName} tried to reset the password of {TargetDomainName:domain}{TargetUserName}"),
	AT(4725, ACCOUNT_CHANGE, "{SubjectUserName} disabled the account {TargetDomainName:domain}{TargetUserName}"),
	AT(4726, ACCOUNT_DELETE, "{SubjectUserName} deleted the account {TargetDomainName:domain}{TargetUserName}"),
	AT(4727, GROUP_CHANGE, "{SubjectUserName} created the global group {TargetDomainName:domain}{TargetUserName}"),
	AT(4728, GROUP_CHANGE, "{SubjectUserName} added {MemberSid} to the global group {TargetDomainName:domain}{TargetUserName}"),
	AT(4729, GROUP_CHANGE, "{SubjectUserName} removed {MemberSid} from the global group {TargetDomainName:domain}{TargetUserName}"),
	AT(4730, GROUP_CHANGE, "{SubjectUserName} deleted the global group {TargetDomainName:domain}{TargetUserName}"),
	AT(4731, GROUP_CHANGE, "{SubjectUserName} created the local group {TargetDomainName:domain}{TargetUserName}"),
	AT(4732, GROUP_CHANGE, "{SubjectUserName} added {MemberSid} to the local group {TargetDomainName:domain}{TargetUserName}"),
	AT(4733, GROUP_CHANGE, "{SubjectUserName} removed {MemberSid} from the local group {TargetDomainName:domain}{TargetUserName}"),
	AT(4734, GROUP_CHANGE, "{SubjectUserName} deleted the local group {TargetDomainName:domain}{TargetUserName}"),
	AT(4735, GROUP_CHANGE, "{SubjectUserName} changed the local group {TargetDomainName:domain}{TargetUserName}"),
	AT(4737, GROUP_CHANGE, "{SubjectUserName} changed the global group {TargetDomainName:domain}{TargetUserName}"),
	AT(4738, ACCOUNT_CHANGE, "{SubjectUserName} changed the account {TargetDomainName:domain}{TargetUserName}"),
	AT(4739, POLICY_CHANGE, "{SubjectUserName} changed the policy of the domain {DomainName}: {DomainPolicyChanged}"),
	AT(4740, ACCOUNT_CHANGE, "Account {TargetUserName} was locked out (by {TargetDomainName})"),
	AT(4741, ACCOUNT_CREATE, "{SubjectUserName} created the computer account {TargetDomainName:domain}{TargetUserName}"),
	AT(4742, ACCOUNT_CHANGE, "{SubjectUserName} changed the computer account {TargetDomainName:domain}{TargetUserName}"),
	AT(4743, ACCOUNT_DELETE, "{SubjectUserName} deleted the computer account {TargetDomainName:domain}{TargetUserName}"),
	AT(4754, GROUP_CHANGE, "{SubjectUserName} created the universal group {TargetDomainName:domain}{TargetUserName}"),
	AT(4755, GROUP_CHANGE, "{SubjectUserName} changed the universal group {TargetDomainName:domain}{TargetUserName}"),
	AT(4756, GROUP_CHANGE, "{SubjectUserName} added {MemberSid} to the universal group {TargetDomainName:domain}{TargetUserName}"),
	AT(4757, GROUP_CHANGE, "{SubjectUserName} removed {MemberSid} from the universal group {TargetDomainName:domain}{TargetUserName}"),
	AT(4758, GROUP_CHANGE, "{SubjectUserName} deleted the universal group {TargetDomainName:domain}{TargetUserName}"),
	AT(4764, GROUP_CHANGE, "{SubjectUserName} changed the type of the group {TargetUserName}"),
	AT(4765, ACCOUNT_CHANGE, "{SubjectUserName} added SID history to {TargetUserName}"),
	AT(4766, ACCOUNT_CHANGE, "{SubjectUserName} failed to add SID history to {TargetUserName}"),
	AT(4767, ACCOUNT_CHANGE, "{SubjectUserName} unlocked the account {TargetDomainName:domain}{TargetUserName}"),
	AT(4768, LOGON, "Kerberos ticket-granting ticket asked for {TargetUserName}{IpAddress:from}: {Status:kerberos}"),
	AT(4769, OTHER, "Kerberos service ticket for {ServiceName} asked by {TargetUserName}{IpAddress:from}, {TicketEncryptionType:encryption}: {Status:kerberos}"),
	AT(4770, OTHER, "Kerberos ticket of {TargetUserName} for {ServiceName} renewed"),
	AT(4771, LOGON_FAILURE, "Kerberos pre-authentication of {TargetUserName} failed{IpAddress:from}: {Status:kerberos}"),
	AT(4772, LOGON_FAILURE, "Kerberos ticket request of {TargetUserName} failed"),
	AT(4773, LOGON_FAILURE, "Kerberos service ticket request of {TargetUserName} failed"),
	AT(4774, LOGON, "Account {MappedName} was mapped for logon"),
	AT(4776, LOGON, "Credentials of {TargetUserName} checked{Workstation:from}: {Status:status}"),
	AT(4777, LOGON_FAILURE, "The domain controller refused the credentials of {TargetUserName}"),
	AT(4778, LOGON, "Session of {AccountDomain:domain}{AccountName} reconnected from {ClientName} ({ClientAddress})"),
	AT(4779, LOGOFF, "Session of {AccountDomain:domain}{AccountName} disconnected from {ClientName} ({ClientAddress})"),
	AT(4780, POLICY_CHANGE, "The ACL of administrators was set on {TargetUserName}"),
	AT(4781, ACCOUNT_CHANGE, "{SubjectUserName} renamed the account {OldTargetUserName} to {NewTargetUserName}"),
	AT(4782, ACCOUNT_CHANGE, "{SubjectUserName} read the password hash of {TargetUserName}"),
	AT(4793, OTHER, "{SubjectUserName} called the password policy check"),
	AT(4794, POLICY_CHANGE, "{SubjectUserName} tried to set the directory services restore mode password"),
	AT(4797, OTHER, "{SubjectUserName} checked whether {TargetUserName} has a blank password"),
	AT(4798, OTHER, "{SubjectUserName} listed the local groups of {TargetUserName}{CallerProcessName:using}"),
	AT(4799, OTHER, "{SubjectUserName} listed the members of {TargetUserName}{CallerProcessName:using}"),
	AT(4800, LOGOFF, "{TargetDomainName:domain}{TargetUserName} locked the workstation"),
	AT(4801, LOGON, "{TargetDomainName:domain}{TargetUserName} unlocked the workstation"),
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
	AT(4985, OTHER, "A transaction changed its state{ProcessName:using}"),
	AT(5024, SYSTEM_START, "The firewall service started"),
	AT(5025, SYSTEM_STOP, "The firewall service stopped"),
	AT(5031, NETWORK_CONNECT, "The firewall blocked {Application} from accepting connections"),
	AT(5033, SYSTEM_START, "The firewall driver started"),
	AT(5038, DRIVER_LOAD, "The image hash of {param1} is not valid"),
	AT(5058, OTHER, "{SubjectUserName} worked with the key file {KeyName} ({KeyFilePath})"),
	AT(5059, OTHER, "{SubjectUserName} moved the key {KeyName}"),
	AT(5061, OTHER, "{SubjectUserName} did a cryptographic operation with {KeyName}"),
	AT(5136, ACCOUNT_CHANGE, "{SubjectUserName} changed {AttributeLDAPDisplayName} of {ObjectDN}: {AttributeValue} {OperationType:words}"),
	AT(5137, ACCOUNT_CREATE, "{SubjectUserName} created the directory object {ObjectDN}"),
	AT(5138, ACCOUNT_CHANGE, "{SubjectUserName} undeleted the directory object {NewObjectDN}"),
	AT(5139, ACCOUNT_CHANGE, "{SubjectUserName} moved the directory object {OldObjectDN} to {NewObjectDN}"),
	AT(5140, NETWORK_SHARE, "{SubjectUserName} accessed the share {ShareName}{IpAddress:from}"),
	AT(5141, ACCOUNT_DELETE, "{SubjectUserName} deleted the directory object {ObjectDN}"),
	AT(5142, NETWORK_SHARE, "{SubjectUserName} added the share {ShareName} ({ShareLocalPath})"),
	AT(5143, NETWORK_SHARE, "{SubjectUserName} changed the share {ShareName}"),
	AT(5144, NETWORK_SHARE, "{SubjectUserName} deleted the share {ShareName}"),
	AT(5145, NETWORK_SHARE, "{SubjectUserName} checked for {RelativeTargetName} on {ShareName}{IpAddress:from}"),
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
	AT(104, LOG_CLEARED, "{SubjectUserName} cleared the log {Channel:2}"),
	AT(1100, SYSTEM_STOP, "The event logging service shut down"),
	AT(1101, LOG_CLEARED, "Audit events were dropped by the transport: {Reason}"),
	AT(1102, LOG_CLEARED, "{SubjectDomainName:domain}{SubjectUserName} cleared the audit log"),
	AT(1104, OTHER, "The security log is full"),
	AT(1105, OTHER, "The log {Channel:2} was backed up to {BackupPath}"),
	AT(1108, OTHER, "The event logging service failed on an event of {PublisherName}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Sysmon"
	AT(1, PROCESS_START, "{User} started {Image}{CommandLine:colon}{ParentImage:parent}"),
	AT(2, FILE_METADATA, "{Image:file} changed the creation time of {TargetFilename} from {PreviousCreationUtcTime} to {CreationUtcTime}"),
	AT(3, NETWORK_CONNECT, "{Image:file} connected {Protocol} {SourceIp}:{SourcePort} to {DestinationIp}:{DestinationPort}{DestinationHostname:paren}"),
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
	AT(7000, SERVICE_START, "The service {param1} failed to start: {param2:error}"),
	AT(7001, SERVICE_START, "The service {param1} did not start because {param2} failed: {param3:error}"),
	AT(7009, SERVICE_START, "The service {param2} did not connect within {param1} ms"),
	AT(7011, SERVICE_START, "The service {param2} did not answer within {param1} ms"),
	AT(7022, SERVICE_START, "The service {param1} hung on starting"),
	AT(7023, SERVICE_STOP, "The service {param1} ended with an error: {param2:error}"),
	AT(7024, SERVICE_STOP, "The service {param1} ended with an error of its own: {param2:error}"),
	AT(7026, DRIVER_LOAD, "Boot or system drivers failed to load: {param1}"),
	AT(7030, SERVICE_INSTALL, "The service {param1} is marked interactive, which is not allowed"),
	AT(7031, SERVICE_STOP, "The service {param1} ended unexpectedly, {param2} so far"),
	AT(7034, SERVICE_STOP, "The service {param1} ended unexpectedly, {param2} so far"),
	AT(7035, SERVICE_START, "The service {param1} was sent a {param2} control"),
	AT(7036, SERVICE_START, "The service {param1} is now {param2}"),
	AT(7038, LOGON_FAILURE, "The service {param1} could not log on as {param2}: {param3:error}"),
	AT(7040, SERVICE_INSTALL, "The start type of {param1} was changed from {param2} to {param3}"),
	AT(7041, LOGON_FAILURE, "The service {param1} could not log on as {param2}"),
	AT(7042, SERVICE_STOP, "The service {param1} was sent a {param2} control"),
	AT(7045, SERVICE_INSTALL, "Service {ServiceName} installed: {ImagePath} ({StartType}{AccountName:as})"),
#undef PROVIDER
#define PROVIDER "EventLog"
	AT(6005, SYSTEM_START, "The event log service started"),
	AT(6006, SYSTEM_STOP, "The event log service stopped"),
	AT(6008, SYSTEM_STOP, "The previous shutdown at {Data:1} on {Data:2} was unexpected"),
	AT(6009, SYSTEM_INFO, "Windows version at boot: {Data}"),
	AT(6011, SYSTEM_INFO, "The computer was renamed from {Data:1} to {Data:2}"),
	AT(6013, SYSTEM_INFO, "The system has been up for {Data:5} seconds"),
#undef PROVIDER
#define PROVIDER "User32"
	AT(1074, SYSTEM_STOP, "{param7|Data:7} asked for a {param5|Data:5} with {param1|Data:1}: {param3|Data:3}"),
	AT(1076, SYSTEM_STOP, "Reason for the last unexpected shutdown: {param1|Data:1}"),
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
	AT(1000, PROCESS_STOP, "{AppName|Data:1} crashed in {ModuleName|Data:4} with {ExceptionCode|Data:7}"),
#undef PROVIDER
#define PROVIDER "Windows Error Reporting"
	AT(1000, PROCESS_STOP, "An error was reported for {Data:1}"),
	AT(1001, PROCESS_STOP, "An error was reported: {Data}"),
#undef PROVIDER
#define PROVIDER "MsiInstaller"
	AT(1033, PACKAGE_INSTALL, "{Data:1} {Data:2} of {Data:5} was installed"),
	AT(1034, PACKAGE_REMOVE, "{Data:1} {Data:2} of {Data:5} was removed"),
	AT(1040, PACKAGE_INSTALL, "An installer transaction began: {Data:1} (process {Data:2})"),
	AT(1042, PACKAGE_INSTALL, "An installer transaction ended: {Data:1} (process {Data:2})"),
	AT(11707, PACKAGE_INSTALL, "Product installed: {Data}"),
	AT(11708, PACKAGE_INSTALL, "Product installation failed: {Data}"),
	AT(11724, PACKAGE_REMOVE, "Product removed: {Data}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-WindowsUpdateClient"
	AT(19, PACKAGE_INSTALL, "Update installed: {updateTitle}"),
	AT(20, PACKAGE_INSTALL, "Update failed: {updateTitle} ({errorCode:error})"),
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
	AT(17, OTHER, "The session manager could not start a session: {StatusCode}"),
	AT(21, LOGON, "Session {SessionID} of {User} logged on{Address:from}"),
	AT(22, LOGON, "Session {SessionID} of {User}: the shell started{Address:paren}"),
	AT(23, LOGOFF, "Session {SessionID} of {User} logged off"),
	AT(24, LOGOFF, "Session {SessionID} of {User} disconnected{Address:paren}"),
	AT(25, LOGON, "Session {SessionID} of {User} reconnected{Address:from}"),
	AT(32, OTHER, "The plug-in {PluginName} was initialised"),
	AT(34, NETWORK_LISTEN, "Remote desktop does not accept logons: {Reason}"),
	AT(39, LOGOFF, "Session {TargetSession} was disconnected by session {Source}"),
	AT(40, LOGOFF, "Session {Session} was disconnected, reason {Reason}"),
	AT(41, OTHER, "Session {SessionID} of {User}: arbitration began"),
	AT(42, OTHER, "Session {SessionID} of {User}: arbitration ended"),
	AT(54, OTHER, "The session manager got a system shutdown message"),
	AT(59, NETWORK_LISTEN, "{Session|SessionID}: the session state changed"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
	AT(258, NETWORK_LISTEN, "The listener {listenerName} started to listen"),
	AT(259, NETWORK_LISTEN, "The listener {listenerName} stopped listening"),
	AT(261, NETWORK_CONNECT, "The listener {listenerName} received a connection"),
	AT(263, NETWORK_CONNECT, "The redirected printer {Param1} of a remote client has no driver"),
	AT(1056, OTHER, "A self-signed certificate for remote desktop was made: {Data:1}"),
	AT(1057, OTHER, "Remote desktop could not make a self-signed certificate: {Data:1}"),
	AT(1136, OTHER, "The remote desktop session host role is not installed"),
	AT(1155, OTHER, "Remote desktop uses the protocol stack of the kernel"),
	AT(1149, LOGON, "Remote desktop: {Param2:domain}{Param1} authenticated{Param3:from}"),
	AT(1158, NETWORK_CONNECT, "Remote desktop accepted a connection from {Param1}"),
	AT(20521, LOGOFF, "Sessions of a user were ended after a policy change"),
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
	AT(65, NETWORK_CONNECT, "Remote desktop connection {ConnectionName} was made"),
	AT(66, LOGON, "Remote desktop connection {ConnectionName} belongs to session {SessionID}"),
	AT(68, OTHER, "Remote desktop connection {ConnectionName}: graphics began"),
	AT(70, OTHER, "Remote desktop loads the display driver {DisplayDriverName}"),
	AT(71, OTHER, "Remote desktop connection {ConnectionName} uses the display driver {DisplayDriverName}"),
	AT(72, OTHER, "Remote desktop interface called: {MethodName}"),
	AT(97, NETWORK_CONNECT, "The remote desktop protocol component {ComponentName} was refused"),
	AT(98, NETWORK_CONNECT, "A remote desktop connection was accepted"),
	AT(101, OTHER, "Remote desktop: network characteristics are not measured ({ReasonString})"),
	AT(102, NETWORK_CONNECT, "Remote desktop server ended the main connection"),
	AT(103, LOGOFF, "Remote desktop disconnected, reason {ReasonCode}"),
	AT(104, SYSTEM_INFO, "Remote desktop client's time zone is {TimezoneBiasHour} hours from UTC"),
	AT(129, NETWORK_LISTEN, "Remote desktop listens on {TransportProtocolName} port {Port}"),
	AT(130, OTHER, "Remote desktop tunnel {TunnelID} was set up"),
	AT(131, NETWORK_CONNECT, "Remote desktop server accepted a {ConnType} connection from {ClientIP}"),
	AT(132, OTHER, "Remote desktop channel {ChannelName} is connected through tunnel {TunnelID}"),
	AT(135, OTHER, "Remote desktop tunnel {TunnelID} uses {TransportType}"),
	AT(139, NETWORK_CONNECT, "Remote desktop server met a security error and dropped the client {IPString|ClientIP}"),
	AT(140, LOGON_FAILURE, "Remote desktop logon from {IPString} failed: wrong user name or password"),
	AT(141, OTHER, "Remote desktop instance {InstanceID} began"),
	AT(142, NETWORK_CONNECT, "Remote desktop TCP read failed: {error:error}"),
	AT(143, NETWORK_CONNECT, "Remote desktop TCP write failed: {error:error}"),
	AT(145, OTHER, "Remote desktop client was idle for {IdleSeconds} seconds"),
	AT(148, OTHER, "Remote desktop channel {ChannelName} was closed in tunnel {TunnelID}"),
	AT(162, OTHER, "Remote desktop client mode {ClientMode}, AVC {AvcEnabled} ({ServerName})"),
	AT(168, OTHER, "Remote desktop monitor {MonitorNum}: {MonitorWidth} by {MonitorHeight} at {MonitorX},{MonitorY}"),
	AT(169, SYSTEM_INFO, "Remote desktop client's system type is {MajorType}.{MinorType}"),
	AT(226, OTHER, "Remote desktop {StateTransition}: from {PreviousStateName} to {NewStateName} ({EventName})"),
	AT(227, OTHER, "Remote desktop error in {Name}: {CustomLevel}"),
	AT(228, OTHER, "Remote desktop {ComponentName}: {Message}"),
	AT(229, OTHER, "Remote desktop {Name}: {CustomLevel}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-WMI-Activity"
	AT(5857, WMI, "WMI provider {ProviderName} started: {ProviderPath}"),
	AT(5858, WMI, "WMI operation of {User} from {ClientMachine} failed: {Operation} ({ResultCode:error})"),
	AT(5859, WMI, "WMI filter of {User}: {Query|PossibleCause}"),
	AT(5860, WMI, "Temporary WMI subscription of {User}: {Query}"),
	AT(5861, PERSISTENCE, "Permanent WMI subscription {ESS}: {CONSUMER}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Bits-Client"
	AT(3, DOWNLOAD, "{jobOwner|param2} created the BITS job {jobTitle|param1} ({processPath})"),
	AT(4, DOWNLOAD, "The BITS job {jobTitle} of {jobOwner} is complete ({fileCount} files)"),
	AT(5, DOWNLOAD, "The BITS job {jobTitle} of {jobOwner} was cancelled"),
	AT(59, DOWNLOAD, "BITS began {name}: {url}"),
	AT(60, DOWNLOAD, "BITS stopped {name}: {url} ({hr:error})"),
	AT(61, DOWNLOAD, "BITS stopped {name}: {url} ({hr:error})"),
	AT(209, DOWNLOAD, "BITS job {jobName} has roaming {isRoaming}"),
	AT(306, DOWNLOAD, "BITS could not read the proxy settings"),
	AT(310, DOWNLOAD, "BITS could not find a peer: {ErrorCode:error}"),
	AT(16384, DOWNLOAD, "BITS: {string|User} changed {string2|jobTitle}"),
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
	AT(20001, DEVICE_CONNECT, "Driver{DriverName:paren} installed for {DeviceInstanceID}"),
	AT(20003, DEVICE_CONNECT, "Service {ServiceName} added for {DeviceInstanceID}"),
	AT(20010, DEVICE_CONNECT, "Device installation: install {InstallSubsystemState}, cache {CachingSubsystemState}"),
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
	AT(1005, NETWORK_SHARE, "SMB server: {ClientName|ClientAddress} sent a file with a wrong signature"),
	AT(1006, NETWORK_SHARE, "{UserName} was refused the share {ShareName} ({ClientName})"),
	AT(1007, NETWORK_SHARE, "SMB server: {UserName} was refused the anonymous share {ShareName}"),
	AT(1009, NETWORK_SHARE, "An anonymous SMB session of {ClientName} was refused"),
	AT(1016, NETWORK_SHARE, "SMB server: a connection was reopened{ClientAddress:from}"),
	AT(1020, NETWORK_SHARE, "SMB server: file operations on {ShareName} are slow"),
	AT(3000, NETWORK_SHARE, "SMB1 was used by {ClientName}"),
	AT(3021, LOGON, "SMB guest logon of {ClientName}: {UserName}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-SMBClient"
	AT(30800, NETWORK_CONNECT, "SMB client cannot resolve {ServerName}: {Status:status}"),
	AT(30803, NETWORK_CONNECT, "SMB client could not connect to {ServerName}"),
	AT(30804, NETWORK_CONNECT, "SMB client lost its connection to {ServerName}"),
	AT(30805, NETWORK_CONNECT, "SMB client lost its session with {ServerName}"),
	AT(30806, NETWORK_CONNECT, "SMB client has its session with {ServerName} again"),
	AT(30807, NETWORK_SHARE, "SMB client lost its connection to the share {ShareName}"),
	AT(30808, NETWORK_SHARE, "SMB client has its connection to the share {ShareName} again"),
	AT(31001, LOGON_FAILURE, "SMB client could not log on to {ServerName} as {UserName}: {Status:status}"),
	AT(31010, NETWORK_SHARE, "SMB client could not connect to the share {ShareName}"),
	AT(31012, NETWORK_CONNECT, "SMB client could not negotiate with {ServerName}"),
	AT(31017, LOGON_FAILURE, "SMB client refused the insecure guest logon of {UserName} on {ServerName}"),
	AT(31018, POLICY_CHANGE, "SMB client: insecure guest logons are allowed"),
	AT(40000, NETWORK_SHARE, "SMB client connected to {ServerName|ShareName}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-WinRM"
	AT(6, NETWORK_CONNECT, "WinRM client session to {connection}"),
	AT(8, NETWORK_CONNECT, "WinRM client session closing"),
	AT(91, NETWORK_CONNECT, "WinRM created a shell on the server{resourceUri:colon}"),
	AT(142, NETWORK_CONNECT, "WinRM operation {operationName} failed: {errorCode}"),
	AT(161, LOGON_FAILURE, "WinRM could not authenticate a user: {authFailureMessage}"),
	AT(168, LOGON, "WinRM sends a response to an authenticated request"),
	AT(169, LOGON, "WinRM authenticated {username} with {authenticationMechanism}"),
	AT(192, LOGON_FAILURE, "WinRM: authorising the user failed ({errorCode:error})"),
	AT(193, LOGON, "WinRM: the request of a user was authorised"),
	AT(254, OTHER, "WinRM activity was transferred"),
	AT(10148, NETWORK_LISTEN, "WinRM listens for requests"),
	AT(10149, NETWORK_LISTEN, "WinRM stopped listening"),
	AT(10154, LOGON, "WinRM could not register the names {spn1} and {spn2}: {error:error}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-NTLM"
	AT(4001, LOGON_FAILURE, "NTLM client was blocked: {UserName} to {TargetName}"),
	AT(4003, LOGON_FAILURE, "NTLM server was blocked in the domain: {UserName}"),
	AT(8001, LOGON, "NTLM client: {UserName} authenticates to {TargetName}{ProcessName:using}"),
	AT(8002, LOGON, "NTLM server: a local account was authenticated{ProcessName:using}"),
	AT(8003, LOGON, "NTLM server: {DomainName:domain}{UserName} from {Workstation|WorkstationName} authenticates ({ProcessName})"),
	AT(8004, LOGON, "NTLM at the domain controller: {DomainName:domain}{UserName} from {WorkstationName} to {SChannelName}"),
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
	AT(12, TIME_CHANGE, "The clock of the forest root has no source"),
	AT(35, TIME_CHANGE, "The clock is now set from {TimeSource}"),
	AT(36, TIME_CHANGE, "The clock has not been synchronised for {UnsynchronizedTimeSeconds} seconds"),
	AT(37, TIME_CHANGE, "Time data is received from {TimeSource}"),
	AT(46, TIME_CHANGE, "The time service met an error and stops: {ErrorMessage}"),
	AT(50, TIME_CHANGE, "The time service found a difference of more than {TimeDifferenceMilliseconds} ms"),
	AT(52, TIME_CHANGE, "The time service set the clock by {TimeOffsetSeconds} seconds"),
	AT(129, TIME_CHANGE, "No domain peer as time source: {ErrorMessage}"),
	AT(134, TIME_CHANGE, "The time source {DomainPeer} could not be resolved: {ErrorMessage}"),
	AT(139, TIME_CHANGE, "The time service advertises itself as a time source"),
	AT(142, TIME_CHANGE, "The time service stops advertising itself"),
	AT(143, TIME_CHANGE, "The time service advertises itself as a good time source"),
	AT(144, TIME_CHANGE, "The time service stops being a good time source"),
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
	AT(13, OTHER, "Volume shadow copy: a COM server cannot be started: {Data:1}"),
	AT(22, OTHER, "Volume shadow copy: a COM component is missing"),
	AT(8193, OTHER, "Volume shadow copy error: {Data}"),
	AT(8194, OTHER, "Volume shadow copy: error in the writer's callback"),
	AT(8224, SERVICE_STOP, "The volume shadow copy service is idle and stops"),
	AT(12289, OTHER, "Volume shadow copy error: {Data:1}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Backup"
	AT(4, OTHER, "The backup is complete"),
	AT(5, OTHER, "The backup failed"),
	AT(524, FILE_DELETE, "The backup catalog was deleted"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Directory-Services-SAM"
	AT(12294, ACCOUNT_CHANGE, "The account {AccountName|Data:1} could not be locked"),
	AT(16384, LOGON, "Directory: account identifiers run low"),
	AT(16401, GROUP_CHANGE, "SAM could not add {AccountName} to {GroupName} at setup"),
	AT(16403, ACCOUNT_CREATE, "SAM could not set up the account {AccountName}: {ErrorMessage}"),
	AT(16413, GROUP_CHANGE, "SAM could not remove {AccountName} from {GroupName} at setup"),
	AT(16937, ACCOUNT_CREATE, "The machine account {ComputerName} was made with a safe descriptor"),
	AT(16962, POLICY_CHANGE, "Remote calls to the SAM are restricted: {SecurityDescriptor}"),
	AT(16965, LOGON_FAILURE, "A remote call to the SAM from {Param2} was refused"),
	AT(16969, LOGON_FAILURE, "Remote calls to the SAM were refused {Data:1} times"),
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
	AT(8128, IMAGE_LOAD, "SQL Server loads {Data:1} to run the procedure {Data:3}"),
	AT(15281, POLICY_CHANGE, "SQL Server refused the {Data:1} {Data:2}: it is switched off"),
	AT(15457, POLICY_CHANGE, "The setting {Data:1} of SQL Server was changed from {Data:2} to {Data:3}"),
	AT(17147, SYSTEM_STOP, "SQL Server stops: the system shuts down"),
	AT(17148, SYSTEM_STOP, "SQL Server stops: a service control"),
	AT(17162, SYSTEM_START, "SQL Server starts"),
	AT(17806, LOGON_FAILURE, "SQL Server: SSPI handshake failed {Data:3}"),
	AT(18264, FILE_CREATE, "SQL Server: database {Data:1} was backed up"),
	AT(18265, FILE_CREATE, "SQL Server: log of {Data:1} was backed up"),
	AT(18267, FILE_CREATE, "SQL Server: database {Data:1} was restored"),
	AT(18453, LOGON, "Account {Data:1} logged on to SQL Server (Windows authentication) {Data:2}"),
	AT(18454, LOGON, "Account {Data:1} logged on to SQL Server (SQL authentication) {Data:2}"),
	AT(18456, LOGON_FAILURE, "Account {Data:1} failed to log on to SQL Server: {Data:2} {Data:3}"),
	AT(24298, LOGON, "SQL Server: a database principal logged on"),
	AT(28046, LOGON, "Account {Data:1} logged on to an SQL Server endpoint"),
	AT(33205, OTHER, "SQL Server audit: {Data}"),
#undef PROVIDER
#define PROVIDER "OpenSSH"
	AT(4, LOGON, "{process}: {payload}"),
#undef PROVIDER
#define PROVIDER "ScreenConnect"
	AT(0, OTHER, "ScreenConnect: {Data}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-RPC"
	AT(5, NETWORK_CONNECT, "RPC client call of {InterfaceUuid}, procedure {ProcNum}, to {NetworkAddress} {Endpoint}"),
	AT(6, NETWORK_CONNECT, "RPC server call of {InterfaceUuid}, procedure {ProcNum}, over {Endpoint}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-PrintService"
	AT(307, FILE_READ, "{Param3} printed document {Param2} from {Param4} on {Param5} ({Param8} pages)"),
	AT(308, FILE_READ, "{Param3} ended the print job of {Param2}"),
	AT(310, FILE_DELETE, "{Param3} deleted the document {Param2} on {Param4}"),
	AT(316, DRIVER_LOAD, "The printer driver {Param1} was added or updated: {Param4}"),
	AT(319, DRIVER_LOAD, "The printer driver {Param1} could not be installed"),
	AT(354, OTHER, "Spooler could not initialise the print provider {Param1}"),
	AT(808, IMAGE_LOAD, "The print spooler failed to load the plug-in {PluginDllName}: {ErrorCode:error}"),
	AT(811, IMAGE_LOAD, "The print spooler failed to move {SourceFile|Param1}: {ErrorCode:error}"),
	AT(823, POLICY_CHANGE, "The default printer was changed to {DefaultPrinterSelectedBySpooler|Param1}"),
	AT(842, IMAGE_LOAD, "The print job {Param1|JobId} was sent through the processor {Processor|Param2}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-HttpEvent"
	AT(15007, NETWORK_LISTEN, "The URL {Url} was reserved"),
	AT(15008, NETWORK_LISTEN, "The reservation of the URL {Url} was deleted"),
	AT(15021, NETWORK_LISTEN, "An error occurred with SSL for {Endpoint|Url}"),
	AT(15300, POLICY_CHANGE, "The SSL certificate settings of {Endpoint|Port} were deleted"),
	AT(15301, POLICY_CHANGE, "The SSL certificate settings of {Endpoint|Port} were made by an administrator"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-IIS-Configuration"
	AT(29, POLICY_CHANGE, "IIS: a change of {ConfigPath|Configuration} in {EditOperationType} was made"),
	AT(50, POLICY_CHANGE, "IIS: the configuration {Configuration|PhysicalPath} was changed"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Hyper-V-VMMS"
	AT(13002, OTHER, "The virtual machine {VmName} was made"),
	AT(13003, OTHER, "The virtual machine {VmName} was deleted"),
	AT(14070, OTHER, "The virtual machine {VmName} was imported or moved"),
	AT(20144, OTHER, "The virtual machine manager failed: {VmName|Parameter0}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Hyper-V-Worker"
	AT(18500, SYSTEM_START, "The virtual machine {VmName} started"),
	AT(18502, SYSTEM_STOP, "The virtual machine {VmName} was turned off"),
	AT(18504, SYSTEM_STOP, "The virtual machine {VmName} was shut down from inside"),
	AT(18508, SYSTEM_STOP, "The virtual machine {VmName} was shut down"),
	AT(18510, SYSTEM_STOP, "The virtual machine {VmName} was saved"),
	AT(18512, SYSTEM_START, "The virtual machine {VmName} was reset"),
	AT(18514, SYSTEM_START, "The virtual machine {VmName} was reset from inside"),
	AT(18516, SYSTEM_STOP, "The virtual machine {VmName} was paused"),
	AT(18518, SYSTEM_START, "The virtual machine {VmName} was resumed"),
	AT(18596, SYSTEM_START, "The virtual machine {VmName} was restored"),
#undef PROVIDER
#define PROVIDER "AD FS Auditing"
	AT(411, LOGON_FAILURE, "AD FS could not validate a token: {Data:4}"),
	AT(412, LOGON, "AD FS issued a token ({Data:1})"),
	AT(500, LOGON, "AD FS: more of an issued identity ({Data:1})"),
	AT(501, LOGON, "AD FS: more of the caller's identity ({Data:1})"),
	AT(510, LOGON, "AD FS: more of an event ({Data:1})"),
	AT(1200, LOGON, "AD FS issued a valid token: {Data:2}"),
	AT(1201, LOGON_FAILURE, "AD FS failed to issue a token: {Data:2}"),
	AT(1202, LOGON, "AD FS validated new credentials: {Data:2}"),
	AT(1203, LOGON_FAILURE, "AD FS failed to validate credentials: {Data:2}"),
	AT(1206, LOGOFF, "AD FS signed out: {Data:2}"),
	AT(1210, LOGON_FAILURE, "AD FS: the extranet lockout stopped a logon: {Data:2}"),
#undef PROVIDER
#define PROVIDER "AD FS"
	AT(70, OTHER, "AD FS: the private key of a certificate could not be read: {Data:1}"),
	AT(307, POLICY_CHANGE, "The AD FS configuration was changed: {Data:1}"),
	AT(342, LOGON_FAILURE, "AD FS token validation failed: {Data:1}"),
	AT(364, LOGON_FAILURE, "AD FS failed in a passive request: {Data:1}"),
	AT(516, LOGON_FAILURE, "AD FS locked the account {Data:2} out ({Data:3})"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-DNSServer"
	AT(256, DNS_QUERY, "DNS server: query for {QNAME}{Source:from}"),
	AT(257, DNS_QUERY, "DNS server: answer for {QNAME} to {Destination}"),
	AT(260, DNS_QUERY, "DNS server: recursive query for {QNAME} to {Destination}"),
	AT(261, DNS_QUERY, "DNS server: recursive answer for {QNAME}{Source:from}"),
	AT(515, POLICY_CHANGE, "DNS server: the record {NAME} was made in {Zone}"),
	AT(516, POLICY_CHANGE, "DNS server: the record {NAME} was deleted from {Zone}"),
	AT(519, POLICY_CHANGE, "DNS server: the record {NAME} was made in {Zone} by dynamic update"),
	AT(541, POLICY_CHANGE, "DNS server: the setting {Setting} was set to {NewValue}"),
	AT(6001, OTHER, "DNS server: the zone {Zone|param1} was transferred to {param2|Destination}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-ActiveDirectory_DomainService"
	AT(1000, SYSTEM_START, "Directory services started"),
	AT(1004, SYSTEM_STOP, "Directory services stopped"),
	AT(1644, OTHER, "Expensive LDAP search from {Data:1}: {Data:3}"),
	AT(1917, OTHER, "The shadow copy backup of the directory succeeded"),
	AT(2004, OTHER, "The shadow copy backup of the directory failed"),
	AT(2039, LOGON_FAILURE, "An LDAP bind was refused for its channel binding"),
	AT(2887, LOGON, "LDAP binds without signing in a day: {Data:1} simple, {Data:2} SASL"),
	AT(2889, LOGON, "LDAP bind without signing by {Data:2} from {Data:1}"),
	AT(3033, POLICY_CHANGE, "A directory change was refused: {Data:1}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Kerberos-Key-Distribution-Center"
	AT(14, LOGON_FAILURE, "The KDC has no key of a suitable type for {Target|Data:1} {ETypesRequested:paren}"),
	AT(16, LOGON_FAILURE, "The KDC has no key of a suitable type for the service {Target|Data:1}"),
	AT(26, LOGON_FAILURE, "The KDC could not make a ticket that {Target|Data:1} can read"),
	AT(27, LOGON_FAILURE, "The encryption type asked for {Target|Data:1} is not supported by the KDC"),
	AT(29, LOGON_FAILURE, "The KDC has no certificate for smart card logons"),
	AT(35, LOGON, "The KDC met a ticket without PAC buffers of {Data:1}"),
	AT(37, LOGON, "The KDC met a ticket without the account's PAC attributes: {Data:1}"),
	AT(39, LOGON, "The KDC met a certificate that is mapped weakly: {AccountName|Data:1} {Subject:paren}"),
	AT(41, LOGON_FAILURE, "The KDC met a certificate with another SID: {AccountName|Data:1}"),
	AT(42, LOGON, "The key of krbtgt needs a new password"),
	AT(45, LOGON, "The KDC met a client certificate that chains to no NTAuth root: {Data:1}"),
#undef PROVIDER
#define PROVIDER "LsaSrv"
	AT(300, POLICY_CHANGE, "Groups given to a logon: {Data:1}"),
	AT(3033, IMAGE_LOAD, "LSASS tried to load {Data:1}, which is not signed well enough"),
	AT(6033, LOGON, "An anonymous session from {Data:1} tried to open an LSA policy handle"),
	AT(6037, LOGON_FAILURE, "The program {Data:1} could not authenticate to the target {Data:2}"),
	AT(6038, LOGON, "Windows uses NTLM between this server and clients"),
	AT(40960, LOGON_FAILURE, "Authentication to {Target} failed{Error:colon}"),
	AT(40961, LOGON_FAILURE, "No authentication protocol for a connection to {Target}"),
	AT(45058, LOGON, "A cached logon of {Data:1} was deleted from the cache"),
#undef PROVIDER
#define PROVIDER "Schannel"
	AT(36871, NETWORK_CONNECT, "TLS: credentials for {Type|Data:1} could not be made"),
	AT(36874, NETWORK_CONNECT, "TLS: a {Protocol|Data:1} connection was refused, no cipher in common"),
	AT(36886, NETWORK_CONNECT, "TLS: no server certificate on this system"),
	AT(36887, NETWORK_CONNECT, "TLS: fatal alert {AlertDesc|Data:1} received"),
	AT(36888, NETWORK_CONNECT, "TLS: fatal alert {AlertDesc|Data:1} sent"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-DistributedCOM"
	AT(10001, OTHER, "DCOM server {param4|param1} could not be started as {param2|param5}"),
	AT(10005, SERVICE_START, "DCOM could not start the service {param2}: {param1:error}"),
	AT(10009, NETWORK_CONNECT, "DCOM could not reach the computer {param1}"),
	AT(10010, OTHER, "DCOM server {param1} did not register in time"),
	AT(10016, OTHER, "{param6:domain}{param7} has no {param2} {param3} permission for the COM server {param4}{param9:paren}"),
	AT(10028, NETWORK_CONNECT, "DCOM could not reach {param1}, asked by {param3}{param2:paren}"),
	AT(10036, LOGON_FAILURE, "DCOM refused an activation by {param1:domain}{param2}{param4:from}, authentication level too low"),
#undef PROVIDER
#define PROVIDER "Application Hang"
	AT(1002, PROCESS_STOP, "{Data:1} {Data:2} stopped answering and was closed"),
#undef PROVIDER
#define PROVIDER ".NET Runtime"
	AT(1023, PROCESS_STOP, ".NET: a process failed: {Data:1}"),
	AT(1026, PROCESS_STOP, ".NET: unhandled exception: {Data:1}"),
#undef PROVIDER
#define PROVIDER "SecurityCenter"
	AT(15, OTHER, "Security center: {Data:1} reports {Data:2}"),
	AT(16, OTHER, "Security center: error with {Data:1}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-RestartManager"
	AT(10000, OTHER, "Restart manager session {RmSessionId} began"),
	AT(10001, OTHER, "Restart manager session {RmSessionId} ended"),
	AT(10002, PROCESS_STOP, "Restart manager shut down {DisplayName|FullPath}"),
	AT(10010, PROCESS_STOP, "{DisplayName} could not be restarted ({FullPath})"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Security-Mitigations"
	AT(1, IMAGE_LOAD, "{ProcessPath} would have been stopped from generating code"),
	AT(2, IMAGE_LOAD, "{ProcessPath} was stopped from generating code"),
	AT(3, PROCESS_START, "{ProcessPath} would have been stopped from starting {ChildImagePathName}"),
	AT(4, PROCESS_START, "{ProcessPath} was stopped from starting {ChildImagePathName}"),
	AT(5, IMAGE_LOAD, "{ProcessPath} would have been stopped from loading {ImageName}, on the network"),
	AT(6, IMAGE_LOAD, "{ProcessPath} was stopped from loading {ImageName}, on the network"),
	AT(11, IMAGE_LOAD, "{ProcessPath} would have been stopped from loading {ImageName}, not signed by Microsoft"),
	AT(12, IMAGE_LOAD, "{ProcessPath} was stopped from loading {ImageName}, not signed by Microsoft"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-AppXDeployment-Server"
	AT(400, PACKAGE_INSTALL, "App package operation {DeploymentOperation} of {PackageFullName} finished"),
	AT(401, PACKAGE_INSTALL, "App package operation {DeploymentOperation} of {PackageFullName} failed: {ErrorCode:error}"),
	AT(404, PACKAGE_INSTALL, "App package operation of {PackageFullName} failed: {ErrorCode:error}"),
	AT(441, PACKAGE_INSTALL, "The app package {PackageFullName} was blocked: {ErrorCode:error}"),
	AT(453, PACKAGE_INSTALL, "The app package {PackageFullName} was blocked by policy"),
	AT(603, PACKAGE_INSTALL, "App package {PackageFullName}: deployment {DeploymentOperation} began"),
	AT(854, PACKAGE_INSTALL, "App package path added: {Path}"),
	AT(857, PACKAGE_INSTALL, "App package path removed: {Path}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Diagnosis-Scripted"
	AT(101, PROCESS_START, "A troubleshooting package ran: {PackagePath}"),
	AT(102, OTHER, "A troubleshooting package ended: {PackageId|PackagePath}"),
	AT(104, OTHER, "A troubleshooting package found: {Description|PackageId}"),
#undef PROVIDER
#define PROVIDER "volsnap"
	AT(25, FILE_DELETE, "The shadow copies of {VolumeName|Data:2} were deleted: no space to grow"),
	AT(33, FILE_DELETE, "The oldest shadow copy of {VolumeName|Data:2} was deleted"),
	AT(36, FILE_DELETE, "The shadow copies of {VolumeName|Data:2} were stopped: storage could not grow"),
#undef PROVIDER
#define PROVIDER "disk"
	AT(7, OTHER, "The device {Data:1} has a bad block"),
	AT(11, OTHER, "The driver found a controller error on {Data:1}"),
	AT(34, OTHER, "Write caching of {Data:1} was changed"),
	AT(51, OTHER, "An error occurred on {Data:1} while paging"),
	AT(153, OTHER, "An operation on {Data:1} was tried again"),
#undef PROVIDER
#define PROVIDER "Ntfs"
	AT(55, OTHER, "The file system on {DriveName|Data:2} is damaged"),
	AT(98, MOUNT_SEEN, "The volume {DriveName|Data:1} is healthy"),
	AT(137, OTHER, "The transaction manager of {DriveName|Data:2} met an error"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-FilterManager"
	AT(1, DRIVER_LOAD, "File system filter {DeviceName} was unloaded"),
	AT(3, DRIVER_LOAD, "File system filter could not attach to a volume: {DeviceName}"),
	AT(6, DRIVER_LOAD, "File system filter {DeviceName} {DeviceVersionMajor}.{DeviceVersionMinor} was loaded"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Iphlpsvc"
	AT(4200, NETWORK_CONNECT, "The interface {Interface} has the address {Address}"),
	AT(4201, NETWORK_CONNECT, "The interface {Interface} is no longer active"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Dhcp-Client"
	AT(1001, NETWORK_CONNECT, "No address from DHCP for the adapter {Address1|HWAddress}"),
	AT(50036, SERVICE_START, "The DHCP client started"),
	AT(50037, SERVICE_STOP, "The DHCP client stopped (shutdown flag {DwordVal})"),
	AT(50103, NETWORK_CONNECT, "DHCP address {Address1} was plumbed"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-DHCPv6-Client"
	AT(51046, SERVICE_START, "The DHCPv6 client started"),
	AT(51047, SERVICE_STOP, "The DHCPv6 client stopped (shutdown flag {DwordVal})"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-CAPI2"
	AT(70, FILE_READ, "A private key was used: {subject|Data}"),
	AT(4107, OTHER, "The root list could not be read: {Data:1}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-LAPS"
	AT(10018, POLICY_CHANGE, "LAPS wrote the new password to the directory"),
	AT(10020, ACCOUNT_CHANGE, "LAPS changed the password of the managed account {AccountName|Data}"),
	AT(10031, ACCOUNT_CHANGE, "LAPS refused another's change of the password of {AccountName|Data}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Resource-Exhaustion-Detector"
	AT(2004, OTHER, "Virtual memory runs low"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-DfsSvc"
	AT(14531, SERVICE_START, "The DFS server initialised"),
	AT(14533, SERVICE_START, "The DFS server built its namespaces"),
	AT(14550, OTHER, "The DFS server could not initialise trust information across forests"),
	AT(14551, OTHER, "The DFS server initialised trust information across forests"),
#undef PROVIDER
#define PROVIDER "Virtual Disk Service"
	AT(3, SERVICE_START, "The virtual disk service started"),
	AT(4, SERVICE_STOP, "The virtual disk service stopped"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Program-Compatibility-Assistant"
	AT(17, PROCESS_START, "A compatibility fix was applied to {ExePath}{ResolverName:paren}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-ProcessExitMonitor"
	AT(3000, PROCESS_STOP, "{param1} ended itself with {param2}"),
	AT(3001, PROCESS_STOP, "{param1} was ended by {param2} with {param3}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Winsock-WS2HELP"
	AT(1, PERSISTENCE, "Winsock provider {LSPName} was installed in catalogue {Catalog} by {Installer}"),
	AT(2, PERSISTENCE, "A Winsock provider was removed by {Installer}"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Kernel-Processor-Power"
	AT(26, SYSTEM_INFO, "Processor {Number} of group {Group} has {PerfStateCount} performance states"),
	AT(55, SYSTEM_INFO, "Processor {Number} of group {Group}: {NominalFrequency} MHz nominal"),
#undef PROVIDER
#define PROVIDER "Microsoft-Windows-Setup"
	AT(2003, SYSTEM_INFO, "Setup began from {Host OS Name}"),
	AT(2004, SYSTEM_INFO, "Setup installs {OS Name} {OS EditionID}"),
#undef PROVIDER
#undef AT
};
/* clang-format on */

#define KNOWN (sizeof(table) / sizeof(table[0]))

/* Providers are registered in any case; an instance of SQL Server has its name behind MSSQL$. */
static bool is_provider(struct view name, const char *known)
{
	size_t n = strlen(known);

	if (view_starts(name, "MSSQL$", 6))
		return strcmp(known, "MSSQLSERVER") == 0;
	if (view_is(name, "Microsoft Antimalware"))
		return strcmp(known, "Microsoft-Windows-Windows Defender") == 0;
	return name.len == n && strncasecmp((const char *)name.data, known, n) == 0;
}

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
		if (table[i - 1].id == id && provider.len &&
		    is_provider(provider, table[i - 1].provider))
			return &table[i - 1];
	return NULL;
}

size_t evtx_known_count(void)
{
	return KNOWN;
}

/* Where the user is who did it, when not under one of the names that all providers share. */
const char *evtx_user_field(const struct evtx_known *known)
{
	static const struct {
		const char *provider;
		uint16_t id;
		const char *field;
	} users[] = {
		{"Microsoft-Windows-TerminalServices-RemoteConnectionManager", 1149, "Param1"},
		{"Microsoft-Windows-Security-Auditing", 4778, "AccountName"},
		{"Microsoft-Windows-Security-Auditing", 4779, "AccountName"},
		{"Microsoft-Windows-Security-Auditing", 4648, "SubjectUserName"},
		{"Microsoft-Windows-Windows Defender", 1116, "Detection User"},
		{"Microsoft-Windows-Windows Defender", 1117, "Detection User"},
		{"Microsoft-Windows-Bits-Client", 3, "jobOwner"},
		{"Microsoft-Windows-Bits-Client", 4, "jobOwner"},
		{"Microsoft-Windows-WinRM", 169, "username"},
		{"Microsoft-Windows-PrintService", 307, "Param3"},
		{"User32", 1074, "param7"},
		{"Microsoft-Windows-Winlogon", 7001, "UserSid"},
		{"Microsoft-Windows-Winlogon", 7002, "UserSid"},
	};

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		if (users[i].id == known->id && strcmp(users[i].provider, known->provider) == 0)
			return users[i].field;
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

/* "-" and nothing are how Windows writes that there is none. */
static bool is_none(const struct value *v)
{
	struct view text = view_of(v->data, v->len);

	if (v->type == VALUE_UTF16)
		return v->len == 0 || (v->len == 2 && v->data[0] == '-' && !v->data[1]);
	if (v->type == VALUE_UTF8)
		return v->len == 0 || view_is(text, "-");
	return v->type == VALUE_ABSENT;
}

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
	} else if (!is_none(v)) {
		buffer_string(out, "type ");
		value_append(out, v);
	}
}

struct code {
	uint32_t code;
	const char *text;
};

static const char *text_of_code(const struct code *codes, size_t count, uint64_t code)
{
	for (size_t i = 0; i < count; i++)
		if (codes[i].code == code)
			return codes[i].text;
	return NULL;
}
#define TEXT_OF(codes, code) text_of_code(codes, sizeof(codes) / sizeof((codes)[0]), code)

static bool is_number(const struct value *v)
{
	return v->type == VALUE_HEX || v->type == VALUE_UNSIGNED;
}

/* NTSTATUS, the ones that logons and shares meet; [MS-ERREF] 2.3. */
static void status(struct buffer *out, const struct value *v)
{
	static const struct code known[] = {
		{0, "success"},
		{0xc0000001, "unsuccessful"},
		{0xc000000d, "invalid parameter"},
		{0xc000000f, "no such file"},
		{0xc0000016, "more to process"},
		{0xc0000022, "access denied"},
		{0xc0000034, "name not found"},
		{0xc000003a, "path not found"},
		{0xc0000043, "sharing violation"},
		{0xc000005e, "no logon server"},
		{0xc0000061, "privilege not held"},
		{0xc0000064, "no such account"},
		{0xc000006a, "wrong password"},
		{0xc000006c, "password restriction"},
		{0xc000006d, "wrong user name or password"},
		{0xc000006e, "account restriction"},
		{0xc000006f, "outside the allowed hours"},
		{0xc0000070, "workstation not allowed"},
		{0xc0000071, "password expired"},
		{0xc0000072, "account disabled"},
		{0xc00000ac, "pipe not available"},
		{0xc00000b5, "timed out"},
		{0xc00000bb, "not supported"},
		{0xc00000cc, "no such share"},
		{0xc00000dc, "server in the wrong state"},
		{0xc0000120, "cancelled"},
		{0xc0000133, "clocks differ too much"},
		{0xc0000135, "DLL not found"},
		{0xc0000142, "DLL initialisation failed"},
		{0xc000015b, "logon type not granted"},
		{0xc000018b, "no trust account for the computer"},
		{0xc000018c, "trust failed"},
		{0xc000018d, "trust of the computer failed"},
		{0xc0000190, "trust account, not a user"},
		{0xc0000192, "Netlogon is not started"},
		{0xc0000193, "account expired"},
		{0xc0000199, "computer account, not a user"},
		{0xc000019a, "no guest logon"},
		{0xc000019b, "guest logon"},
		{0xc0000203, "session deleted"},
		{0xc0000224, "password must be changed"},
		{0xc0000225, "not found"},
		{0xc0000234, "account locked out"},
		{0xc000023c, "network unreachable"},
		{0xc0000248, "user session deleted"},
		{0xc00002ee, "unfinished context"},
		{0xc0000388, "downgrade detected"},
		{0xc0000413, "authentication firewall"},
		{0xc0000428, "signature not valid"},
		{0xc000042c, "elevation required"},
		{0xc0000603, "certificate revoked"},
		{0xc000009a, "no resources"},
	};
	const char *text = is_number(v) ? TEXT_OF(known, v->u) : NULL;

	if (text)
		buffer_string(out, text);
	else
		value_append(out, v);
}

/* Kerberos error codes; RFC 4120 7.5.9. */
static void kerberos(struct buffer *out, const struct value *v)
{
	static const struct code known[] = {
		{0x0, "success"},
		{0x1, "client's key expired"},
		{0x2, "server's key expired"},
		{0x3, "protocol version not supported"},
		{0x6, "no such account"},
		{0x7, "no such service"},
		{0x8, "several entries for the principal"},
		{0x9, "client or server has no key"},
		{0xa, "ticket may not be postdated"},
		{0xb, "start time is after the end time"},
		{0xc, "forbidden by policy"},
		{0xd, "option not possible"},
		{0xe, "encryption type not supported"},
		{0xf, "checksum type not supported"},
		{0x10, "pre-authentication type not supported"},
		{0x11, "transited type not supported"},
		{0x12, "account disabled, expired or locked"},
		{0x13, "service's credentials revoked"},
		{0x14, "ticket revoked"},
		{0x15, "account not valid yet"},
		{0x16, "service not valid yet"},
		{0x17, "password expired"},
		{0x18, "wrong password"},
		{0x19, "pre-authentication required"},
		{0x1b, "user-to-user only"},
		{0x1c, "path not accepted"},
		{0x1d, "service not available"},
		{0x1f, "integrity check failed"},
		{0x20, "ticket expired"},
		{0x21, "ticket not valid yet"},
		{0x22, "request is a replay"},
		{0x23, "ticket is for another"},
		{0x24, "ticket and authenticator differ"},
		{0x25, "clocks differ too much"},
		{0x26, "wrong address"},
		{0x28, "wrong message type"},
		{0x29, "message changed"},
		{0x2c, "key version not available"},
		{0x3c, "error without a name"},
		{0x3e, "certificate not trusted"},
		{0x3f, "signature not valid"},
		{0x42, "certificate does not fit"},
	};
	const char *text = is_number(v) ? TEXT_OF(known, v->u) : NULL;

	if (text)
		buffer_string(out, text);
	else
		value_append(out, v);
}

/* Encryption types of tickets; RFC 3961, RFC 3962, RFC 4757. */
static void encryption(struct buffer *out, const struct value *v)
{
	static const struct code known[] = {{0x1, "DES-CBC-CRC"}, {0x3, "DES-CBC-MD5"},
					    {0x11, "AES128"},	  {0x12, "AES256"},
					    {0x17, "RC4"},	  {0x18, "RC4-EXP"}};
	const char *text = is_number(v) ? TEXT_OF(known, v->u) : NULL;

	if (text)
		buffer_string(out, text);
	else
		value_append(out, v);
}

/* Errors of Win32, as numbers or as the text %%N; [MS-ERREF] 2.2. */
static const char *win32_text(uint64_t n)
{
	static const struct code known[] = {
		{0, "success"},
		{2, "file not found"},
		{3, "path not found"},
		{5, "access denied"},
		{21, "device not ready"},
		{31, "device not working"},
		{32, "file in use"},
		{64, "network name gone"},
		{87, "wrong parameter"},
		{126, "module not found"},
		{127, "procedure not found"},
		{193, "no valid program"},
		{216, "program for another machine"},
		{1051, "others depend on it"},
		{1053, "it did not answer in time"},
		{1056, "it runs already"},
		{1058, "it is disabled"},
		{1060, "no such service"},
		{1062, "it was not started"},
		{1066, "error of its own"},
		{1067, "it ended unexpectedly"},
		{1068, "what it depends on failed"},
		{1069, "its logon failed"},
		{1070, "it hung while starting"},
		{1072, "it is marked for deletion"},
		{1073, "it exists already"},
		{1075, "what it depends on is missing"},
		{1115, "the system is shutting down"},
		{1275, "its driver was blocked"},
		{1326, "wrong user name or password"},
		{1327, "account restriction"},
		{1330, "password expired"},
		{1331, "account disabled"},
		{1385, "logon type not granted"},
		{1460, "timed out"},
		{1722, "RPC server not available"},
		{14001, "side-by-side configuration is wrong"},
		{0x80070005, "access denied"},
		{0x80070002, "file not found"},
		{0x80041003, "WMI access denied"},
		{0x80041002, "WMI object not found"},
		{0x80041010, "WMI class not valid"},
		{0x8004100e, "WMI namespace not valid"},
		{0x80041032, "WMI call cancelled"},
		{0x800706ba, "RPC server not available"},
		{0x80072ee7, "name not resolved"},
		{0x80072efd, "no connection"},
		{0x80072ee2, "timed out"},
		{0x80190194, "HTTP 404"},
		{0x80190193, "HTTP 403"},
		{0x80240016, "another installation runs"},
		{0x800f0922, "installation failed"},
	};

	return TEXT_OF(known, n);
}

/* Words that Windows keeps as numbers of a message table: %%N. Audit messages of msobjs.dll. */
static const char *audit_text(uint64_t n)
{
	static const struct code known[] = {
		{1537, "DELETE"},
		{1538, "READ_CONTROL"},
		{1539, "WRITE_DAC"},
		{1540, "WRITE_OWNER"},
		{1541, "SYNCHRONIZE"},
		{1542, "ACCESS_SYS_SEC"},
		{1801, "granted by"},
		{1804, "not granted"},
		{1832, "identification"},
		{1833, "impersonation"},
		{1840, "delegation"},
		{1842, "yes"},
		{1843, "no"},
		{1904, "new value"},
		{1905, "changed value"},
		{1906, "deleted value"},
		{1872, "REG_NONE"},
		{1873, "REG_SZ"},
		{1874, "REG_EXPAND_SZ"},
		{1875, "REG_BINARY"},
		{1876, "REG_DWORD"},
		{1879, "REG_MULTI_SZ"},
		{1936, "default token"},
		{1937, "elevated token"},
		{1938, "limited token"},
		{2304, "an error occurred"},
		{2305, "account expired"},
		{2306, "Netlogon is not started"},
		{2307, "account locked out"},
		{2308, "logon type not granted"},
		{2309, "password expired"},
		{2310, "account disabled"},
		{2311, "outside the allowed hours"},
		{2312, "workstation not allowed"},
		{2313, "wrong user name or password"},
		{4416, "read data"},
		{4417, "write data"},
		{4418, "append data"},
		{4419, "read extended attributes"},
		{4420, "write extended attributes"},
		{4421, "execute"},
		{4422, "delete child"},
		{4423, "read attributes"},
		{4424, "write attributes"},
		{4432, "query value"},
		{4433, "set value"},
		{4434, "create subkey"},
		{4435, "enumerate subkeys"},
		{4436, "notify"},
		{4480, "terminate"},
		{4481, "create thread"},
		{4482, "set session"},
		{4483, "VM operation"},
		{4484, "VM read"},
		{4485, "VM write"},
		{4486, "duplicate handle"},
		{4487, "create process"},
		{4490, "query information"},
		{8448, "success removed"},
		{8449, "success added"},
		{8450, "failure removed"},
		{8451, "failure added"},
		{14592, "inbound"},
		{14593, "outbound"},
		{14672, "added"},
		{14673, "deleted"},
		{14674, "added"},
		{14675, "deleted"},
	};

	return TEXT_OF(known, n);
}

/* Text with %%N in it, each put into words. */
static void in_words(struct buffer *out, const struct value *v, const char *(*words)(uint64_t n))
{
	size_t start = out->len, at = start;
	struct buffer text = {0};
	const char *known;

	if (is_number(v)) {
		known = words(v->u);
		if (known)
			buffer_string(out, known);
		else
			value_append(out, v);
		return;
	}
	value_append(&text, v);
	for (size_t i = 0; i < text.len;) {
		uint64_t n = 0;
		size_t k = i + 2;

		if (text.data[i] != '%' || k >= text.len || text.data[i + 1] != '%') {
			char c = text.data[i++];

			/* Lists have tabs and line breaks between their items. */
			if (c == '\r' || c == '\n' || c == '\t')
				c = ' ';
			if (c != ' ' || (out->len > at && out->data[out->len - 1] != ' '))
				buffer_char(out, c);
			continue;
		}
		for (; k < text.len && text.data[k] >= '0' && text.data[k] <= '9' && k < i + 12;
		     k++)
			n = n * 10 + (uint64_t)(text.data[k] - '0');
		known = words(n);
		if (known)
			buffer_string(out, known);
		else
			buffer_append(out, text.data + i, k - i);
		i = k;
	}
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->len--;
	buffer_release(&text);
}

static void words(struct buffer *out, const struct value *v)
{
	in_words(out, v, audit_text);
}

static void error(struct buffer *out, const struct value *v)
{
	in_words(out, v, win32_text);
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

/* Parts of a sentence that are not there when the value is not. */

static void around(struct buffer *out, const char *before, const struct value *v, bool file,
		   const char *after)
{
	if (is_none(v))
		return;
	buffer_string(out, before);
	if (file)
		file_name(out, v);
	else
		value_append(out, v);
	buffer_string(out, after);
}

static void domain(struct buffer *out, const struct value *v)
{
	around(out, "", v, false, "\\");
}

/* An address of IPv4 stays one when the socket is of IPv6: RFC 4291 2.5.5.2. */
static void from(struct buffer *out, const struct value *v)
{
	static const char mapped[] = " from ::ffff:";
	size_t start = out->len, n = sizeof(mapped) - 1;

	around(out, " from ", v, false, "");
	if (out->len - start > n && memcmp(out->data + start, mapped, n) == 0 &&
	    memchr(out->data + start + n, '.', out->len - start - n)) {
		memmove(out->data + start + 6, out->data + start + n, out->len - start - n);
		out->len -= n - 6;
	}
}

static void by(struct buffer *out, const struct value *v)
{
	around(out, " by ", v, false, "");
}

static void as(struct buffer *out, const struct value *v)
{
	around(out, " as ", v, false, "");
}

static void using(struct buffer *out, const struct value *v)
{
	around(out, " (", v, true, ")");
}

static void paren(struct buffer *out, const struct value *v)
{
	around(out, " (", v, false, ")");
}

static void colon(struct buffer *out, const struct value *v)
{
	around(out, ": ", v, false, "");
}

static void parent(struct buffer *out, const struct value *v)
{
	around(out, " (parent ", v, true, ")");
}

/* Items of an array; old providers have all their values in one. */
#define ITEM(n)                                                                                    \
	static void item_##n(struct buffer *out, const struct value *v)                            \
	{                                                                                          \
		if (v->type == VALUE_LIST && v->len >= (n))                                        \
			value_append(out, &v->list[(n)-1]);                                        \
		else if (v->type != VALUE_LIST && (n) == 1)                                        \
			value_append(out, v);                                                      \
	}
ITEM(1)
ITEM(2)
ITEM(3)
ITEM(4)
ITEM(5)
ITEM(6)
ITEM(7)
ITEM(8)

evtx_format evtx_format_named(struct view name)
{
	static const struct {
		const char *name;
		evtx_format format;
	} formats[] = {{"logon", logon_type},
		       {"status", status},
		       {"kerberos", kerberos},
		       {"encryption", encryption},
		       {"words", words},
		       {"error", error},
		       {"file", file_name},
		       {"domain", domain},
		       {"from", from},
		       {"by", by},
		       {"as", as},
		       {"using", using},
		       {"paren", paren},
		       {"colon", colon},
		       {"parent", parent},
		       {"1", item_1},
		       {"2", item_2},
		       {"3", item_3},
		       {"4", item_4},
		       {"5", item_5},
		       {"6", item_6},
		       {"7", item_7},
		       {"8", item_8}};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (view_is(name, formats[i].name))
			return formats[i].format;
	return NULL;
}
