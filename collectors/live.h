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
 * Windows (collectors/windows) writes the same files and types; paths as it has them (C:\x), User as DOMAIN\name. There is more or less of these:
 * live/processes.jsonl
 *   "process": + IntegrityLevel ("Low", "Medium", "High", "System", "Untrusted"), SessionId (of the terminal); Name is the file's. No Arguments,
 *     Environment, Maps, EffectiveUserId and what else is Linux's own
 * live/sockets.jsonl
 *   "socket": tcp and udp, no Inode; udp without its peer, which Windows does not tell
 * live/sessions.jsonl
 *   "logon": + TargetDomainName, State ("Active", "Disconnected", ...)
 * live/services.jsonl, live/drivers.jsonl
 *   type "service": ServiceName, DisplayName, ServiceType ("user mode service", "user mode service, shared process", "kernel mode driver",
 *     "file system driver"), State ("Running", "Stopped", ...), StartType ("boot start", "system start", "auto start", "demand start", "disabled"),
 *     ImagePath (the command), AccountName, ProcessId, ServiceDll, Image (the file of ImagePath), Hashes (of that)
 * live/modules.jsonl
 *   "module": what is loaded into the kernel: Name, ImageLoaded, Hashes
 * live/network.jsonl
 *   "interface": + Description, Nameservers (list), Gateways (list), DnsSuffix, Up (bool)
 *   "route", "neighbour" of IPv4; Interface is an index
 * live/system.jsonl
 *   "system": + OperatingSystem, Domain, InstallTime, RegisteredOwner, TimeZone, TimeZoneBias (minutes), Elevated (bool)
 * live/autoruns.jsonl
 *   "autorun": Place ("run", "run-once", "run-once-ex", "run-services", "policies-run", "windows-load", "appinit-dlls", "winlogon", "winlogon-notify",
 *     "ifeo", "silent-process-exit", "aedebug", "active-setup", "cmd-autorun", "logon-script", "screensaver", "boot-execute", "appcert-dlls",
 *     "known-dlls", "safe-boot", "lsa", "security-providers", "network-provider", "print-monitor", "time-provider", "dns-plugin", "autodial",
 *     "setup-cmdline", "netsh-helper", "startup-folder"), Name (of the value or file), CommandLine (its data), User, TargetObject (HKLM\... or
 *     HKU\SID\...), TargetFilename (in a startup folder), Image, Hashes, mtime (last write of the key, or of the file)
 */
/* clang-format on */
#ifndef KONSEKI_COLLECTORS_LIVE_H
#define KONSEKI_COLLECTORS_LIVE_H

#endif
