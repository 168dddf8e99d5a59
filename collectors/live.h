/* clang-format off */
/*
 * What a collector sees of the running system, as JSON lines under live/ in the bundle. Every line is
 * one object; "type" says what it is. A field that does not apply or could not be read is absent.
 * Text is UTF-8 (other bytes as U+FFFD); times are RFC 3339, UTC; ids are numbers. Names are
 * Sigma's and Sysmon's where these have one. Written in this order, most volatile first:
 *
 * live/processes.jsonl
 *   type "process": ProcessId, ParentProcessId, Name (comm), Image (the executable's path, without " (deleted)"),
 *     CommandLine (arguments joined by blanks; those with blanks in them quoted), Arguments (list), CurrentDirectory,
 *     Root (when not "/"), User, UserId (real uid), EffectiveUserId (when another), AuditUser, AuditUserId (loginuid: who
 *     logged on first; absent when unset), SessionId (audit), StartTime, State ("S"), TerminalDevice ("pts/0"), Cgroup,
 *     Container (64 hex digits in the cgroup), ContainerName (docker's or podman's), Hashes ("SHA256=..."), Deleted (true when the executable's file is gone), Memfd
 *     (true: it runs from memory only), Threads, TracerPid, ParentImage, ParentCommandLine, ParentUser, KernelThread (true), Environment
 *     (object; values of names like *PASS*, *SECRET*, *TOKEN*, *_KEY are left out unless asked for), Maps (list of executable mappings that are deleted, memfd or under a writable place), NoNewPrivileges,
 *     Capabilities (effective, hex text, when uid is not 0 and there are any),
 *     Namespaces (object name to id, of those that differ from the collector's), Recovered (member), Error (what could not be read)
 * live/open-files.jsonl
 *   type "open_files": ProcessId, Name, Image, User, UserId, Files (object: descriptor to what it is). Long lists go on in another line
 * live/maps.jsonl
 *   type "maps": ProcessId, Name, Image, User, UserId, Maps (list of the lines of /proc/PID/maps)
 * live/sockets.jsonl
 *   type "socket": Protocol ("tcp", "udp", "raw", "unix", "packet"), IpVersion (4, 6), SourceIp, SourcePort, DestinationIp, DestinationPort,
 *     State ("LISTEN", "ESTABLISHED", ...; for udp "LISTEN" when it has no peer), Listening (bool), Initiated (bool: an
 *     established socket whose local port nobody listens on), Inode, User, UserId,
 *     ProcessId, Image, CommandLine, ProcessIds (list, when several hold it), Path (unix; "@name" is abstract), SocketType ("STREAM", ...), NetworkNamespace (when not our own)
 * live/sessions.jsonl
 *   type "logon": TargetUserName, TerminalDevice, IpAddress, WorkstationName, ProcessId, LogonTime, SessionId
 * live/hidden.jsonl
 *   type "hidden": What ("process", "module"), ProcessId, ParentProcessId, Name, Image, CommandLine, User, Reason
 * live/modules.jsonl
 *   type "module": Name, Size, RefCount, UsedBy (list), State, Taint, ImageLoaded (file, when found), Hashes, Address
 * live/bpf.jsonl
 *   type "bpf_program": Id, ProgramType ("xdp", "kprobe", ...), Name, Tag, LoadTime, User, UserId (who loaded it), Size, InterfaceIndex,
 *     ProcessIds (who holds it), Error
 *   type "bpf_pin": TargetFilename (below /sys/fs/bpf), UserId, mtime
 * live/mounts.jsonl
 *   type "mount": Device, MountPoint, FileSystem, Options, Root, MountId, ParentId, MountNamespace (when not our own)
 * live/network.jsonl
 *   type "interface": Name, Index, MacAddress, Addresses (list "10.0.0.1/24"), Flags (list "UP", "PROMISC", ...), Mtu, ReceivedBytes, SentBytes
 *   type "route": Destination ("0.0.0.0/0"), Gateway, Interface, Metric, IpVersion
 *   type "neighbour": IpAddress, MacAddress, Interface, State
 *   type "resolver": Nameserver | Search
 *   type "host_entry": IpAddress, Names (list)
 * live/system.jsonl
 *   type "system": Hostname, Kernel, Architecture, Version, MachineId, BootTime, CollectionTime, Uptime (seconds),
 *     KernelCommandLine, Tainted, CorePattern, Virtualization, ModulesDisabled, PtraceScope, SeLinux
 * live/dmesg.txt: the kernel's messages, "<PRIORITY>[SECONDS] TEXT"
 * live/accounts.jsonl
 *   type "account": TargetUserName, UserId, GroupId, Home, Shell, Comment, PasswordState ("hash", "locked", "none", absent when
 *     shadow could not be read), LastPasswordChange (RFC 3339 date), Groups (list), AuthorizedKeys (count), Flags (list: "uid0", "no-password", "system-with-shell")
 *   type "group": TargetGroupName, GroupId, Members (list)
 * live/autoruns.jsonl (and autoruns.2.jsonl, ...: what the walk of the tree came across)
 *   type "autorun": Place ("cron", "anacron", "at", "systemd-service", "systemd-timer", "systemd-generator", "systemd-user", "tmpfiles", "init.d", "rc.local",
 *     "profile", "python", "ld.so.preload", "ld.so.conf", "xdg-autostart", "authorized_keys", "pam", "udev", "modprobe", "modules-load", "motd", "apt-hook", "dnf-plugin",
 *     "sudoers", "sshd", "networkmanager", "ifupdown", "dbus", "polkit", "git-hook", "binfmt", "core_pattern", "initramfs", "grub", "xinetd", "nss",
 *     "container"), Name (unit, file or key), CommandLine (what runs), User (whose rights), TargetFilename (the file that says
 *     so), Line (in it), Schedule, Enabled (bool), Trigger, Image (first word of the command, when a path), Hashes (of Image's file or of TargetFilename's),
 *     mtime (of TargetFilename), Comment (of a key), KeyType, Options
 * live/links.jsonl
 *   type "link": path, target: symbolic links in the collected folders (links are never followed)
 * live/suspicious-files.jsonl (from the one walk of the tree)
 *   type "file": path, Reasons (list: "suid", "sgid", "capabilities", "world-writable", "ownerless", "immutable", "device-outside-dev", "hidden-executable-in-tmp"),
 *     mode, uid, gid, size, inode, mtime, ctime, User, Capabilities (hex)
 * live/bodyfile.txt, live/bodyfile.2.txt, ...: the walk in mactime's format:
 *   MD5|name|inode|mode_as_string|UID|GID|size|atime|mtime|ctime|crtime, times in whole seconds, 0 for none; MD5 is 0;
 *   | and newlines in names as %7C and %0A (% as %25), links as "name -> target".
 * live/recovered/PID-NAME: executables that only a process still has (deleted, memfd); the line of the
 *   process says Recovered with this name.
 *
 * Windows (collectors/windows) writes the same files and types; paths as it has them (C:\x), User as DOMAIN\name or, of a registry hive, as
 * its folder is called. Each of these members comes from a collector of its own with a time limit; an empty one says that nothing was found.
 * Where a line names a program's file, it may have: Hashes, Signed (bool), Signature (who signed), SignatureStatus ("Valid", "Unavailable": not
 * signed, "Bad digest", "Expired", "Untrusted root", ... or a code), SignatureType ("Embedded", "Catalog"), Missing (true: no such file).
 * live/processes.jsonl
 *   "process": + IntegrityLevel ("Low", "Medium", "High", "System", "Untrusted"), Elevated, SessionId (of the terminal), Wow64; Name is the file's.
 *     No Arguments, Environment, Maps, EffectiveUserId and what else is Linux's own
 *   "hidden": a process that can be opened though no list has it; the fields of a process
 * live/sockets.jsonl
 *   "socket": + CreationTime; tcp and udp, no Inode; udp without its peer, which Windows does not tell
 * live/loaded-modules.jsonl
 *   type "loaded_module": ProcessId, Image, CommandLine, User (of the process), ImageLoaded, BaseAddress, Size, Deleted, Reasons (list: "deleted",
 *     "odd-path", "unsigned"; absent when there is none)
 * live/handles.jsonl
 *   type "handle": ObjectType ("Process", "Mutant"), ProcessId, Image, CommandLine, User (of its owner), TargetProcessId, TargetImage,
 *     GrantedAccess ("0x1fffff") of another process's handle that may read or write its memory, start threads or take handles; ObjectName of a mutex
 * live/sessions.jsonl
 *   "logon": + TargetDomainName, State ("Active", "Disconnected", ...), DisconnectTime of a terminal session; TargetLogonId, LogonType,
 *     AuthenticationPackageName, LogonServer, TargetUserSid of a logon session
 * live/pipes.jsonl       type "pipe": PipeName ("\x"), Instances
 * live/dns.jsonl         type "dns_cache": QueryName, QueryType ("A", ...), QueryResults ("10.0.0.1;...", from the cache alone), TimeToLive (seconds)
 * live/network.jsonl     "interface": + Description, Nameservers (list), Gateways (list), DnsSuffix, Up (bool); "route", "neighbour": Interface is an
 *     index; "host_entry"
 * live/shares.jsonl
 *   type "share": ShareName, ShareLocalPath, ShareType ("disk", "printer", "device", "ipc"), Special (bool), Remark, CurrentUses, SecurityDescriptor
 *   type "share_use": ShareName, LocalName, User, State: what this host is connected to
 *   type "share_session": TargetUserName, WorkstationName, ConnectedSeconds, IdleSeconds; type "share_file": TargetFilename, TargetUserName, AccessMask
 * live/services.jsonl, live/drivers.jsonl
 *   type "service": ServiceName, ImagePath (the command), State ("Running", "Stopped", ...), ProcessId, ServiceDllHashes, ServiceDllSignatureStatus,
 *     and the fields of an autorun; Place is "Service" or "Driver"; StartType ("boot", "system", "auto", "demand", "disabled"), ServiceType, ServiceDll,
 *     DisplayName, FailureCommand, RequiredPrivileges, Triggers (count), DelayedAutoStart, ServiceMain, Group
 * live/modules.jsonl     "module": what is loaded into the kernel: Name, ImageLoaded, Address
 * live/autoruns.jsonl, live/tasks.jsonl, live/wmi.jsonl
 *   "autorun": Place, Name, CommandLine, Image, ImageLoaded (what rundll32 and its kind load), User, TargetObject (HKLM\... or HKU\name\...) and the
 *     place's further fields, as the parser of a hive (base/persistence.h), of tasks, of shortcuts or of WMI's repository has them; mtime (of the key or
 *     file); of a task RegistrationTime, LastRunTime, LastCompletionTime, LastResult; of WMI CreatorSid, ConsumerClass
 *   type "protection": Name, Product (class), Image, ReportingImage, ProductState, Enabled, UpToDate, Timestamp; type "hotfix": Name, Description,
 *     InstalledBy, InstalledOn
 * live/accounts.jsonl    "account": TargetUserName, UserId (RID), TargetSid, FullName, Comment, Home, ScriptPath, PasswordAge (seconds), LastLogonTime,
 *     LogonCount, BadPasswordCount, Administrator, Flags (list: "disabled", "locked", "no-password-required", ...); "group": TargetGroupName, Comment, Members
 * live/software.jsonl    type "package": Name, Version, Publisher, InstallDate, InstallLocation, InstallSource, UninstallString, TargetObject, User, mtime
 * live/firewall.jsonl    type "firewall_profile": Profile, Enabled, DefaultInbound; type "firewall_rule": RuleId, RuleName, Action, Direction, Enabled,
 *     ApplicationPath, ServiceName, Protocol, LocalPorts, RemotePorts, RemoteAddresses, Profiles, Description, Group; both TargetObject
 * live/settings.jsonl    type "setting", "environment": Name, TargetObject, Details, mtime; type "audit_policy": Category, Subcategory, SubcategoryGuid,
 *     Setting ("none", "success", "failure", "success and failure")
 * live/system.jsonl      "system": + OperatingSystem, Edition, Domain, InstallTime, RegisteredOwner, TimeZone, TimeZoneBias (minutes, now), SystemRoot,
 *     SecureBoot, Elevated (bool)
 */
/* clang-format on */
#ifndef KONSEKI_COLLECTORS_LIVE_H
#define KONSEKI_COLLECTORS_LIVE_H

#endif
