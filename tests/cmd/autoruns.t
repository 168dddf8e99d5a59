#!/usr/bin/env python3
"""TAP: every place where Windows persistence hides, one planted entry each, and the persistence event that must come of it.

The first column names the place as the lists of such places do (Autoruns, MITRE ATT&CK TA0003); the others are the hive, the key, the
value that is planted (name, type, data) and what the event says: place, command, file that it runs. Keys named "~" are planted three
times: in SOFTWARE, in its Wow6432Node, and in a user's hive.
"""
import importlib.util, json, os, shutil, struct, subprocess, sys, tempfile, uuid

spec = importlib.util.spec_from_file_location('make_regf', 'tests/fixtures/make_regf.py')
regf = importlib.util.module_from_spec(spec)
spec.loader.exec_module(regf)
sz, msz, dw, qw, u16 = regf.sz, regf.msz, regf.dw, regf.qw, regf.u16
SZ, EXPAND, BIN, DWORD, MULTI = regf.SZ, regf.EXPAND, regf.BIN, regf.DWORD, regf.MULTI
konseki = os.path.abspath(os.environ.get('KONSEKI', 'build/konseki'))
CV, NT = '~\\Microsoft\\Windows\\CurrentVersion\\', '~\\Microsoft\\Windows NT\\CurrentVersion\\'
CONTROL, SERVICES = 'ControlSet001\\Control\\', 'ControlSet001\\Services\\'
EXE = 'C:\\evil\\e.exe'
DLL = 'C:\\evil\\e.dll'
CLASS = '{0E0E0E0E-1111-2222-3333-444444444444}'
S, U, C, Y = 'SOFTWARE', 'NTUSER.DAT', 'UsrClass.dat', 'SYSTEM'

# (item, hive or None for all three of "~", key, value name, type, data, place, command, image)
places = [
    ('Run', None, CV + 'Run', 'e', SZ, sz(f'"{EXE}" -x'), 'Run key', f'"{EXE}" -x', EXE),
    ('RunOnce', None, CV + 'RunOnce', 'e', SZ, sz(EXE), 'RunOnce key', EXE, EXE),
    ('RunOnceEx', None, CV + 'RunOnceEx\\0001', '1', SZ, sz(EXE), 'RunOnceEx key', EXE, EXE),
    ('RunServices', None, CV + 'RunServices', 'e', SZ, sz(EXE), 'RunServices key', EXE, EXE),
    ('RunServicesOnce', None, CV + 'RunServicesOnce', 'e', SZ, sz(EXE), 'RunServicesOnce key', EXE, EXE),
    ('Policies\\Explorer\\Run', None, CV + 'Policies\\Explorer\\Run', '1', SZ, sz(EXE), 'Run key (policy)', EXE, EXE),
    ('StartupApproved', None, CV + 'Explorer\\StartupApproved\\StartupFolder', 'e.lnk', BIN, b'\3\0\0\0' + qw(regf.ft(regf.T0)), 'Startup approval', None, None),
    ('Startup folders (moved)', None, CV + 'Explorer\\User Shell Folders', 'Startup', EXPAND, sz('C:\\evil'), 'Startup folder', 'C:\\evil', 'C:\\evil'),
    ('Windows\\Load', None, NT + 'Windows', 'Load', SZ, sz(EXE), 'Windows Load and Run', EXE, EXE),
    ('Windows\\Run', None, NT + 'Windows', 'Run', SZ, sz(EXE), 'Windows Load and Run', EXE, EXE),
    ('Active Setup', None, '~\\Microsoft\\Active Setup\\Installed Components\\' + CLASS, 'StubPath', EXPAND, sz(EXE + ' /i'), 'Active Setup', EXE + ' /i', EXE),
    ('Terminal server Run', None, NT + 'Terminal Server\\Install\\Software\\Microsoft\\Windows\\CurrentVersion\\Run', 'e', SZ, sz(EXE), 'Run key (terminal server)', EXE, EXE),
    ('Winlogon Shell', None, NT + 'Winlogon', 'Shell', SZ, sz(EXE), 'Winlogon', EXE, EXE),
    ('Winlogon Userinit', None, NT + 'Winlogon', 'Userinit', SZ, sz(EXE + ','), 'Winlogon', EXE, EXE),
    ('Winlogon Taskman', None, NT + 'Winlogon', 'Taskman', SZ, sz(EXE), 'Winlogon', EXE, EXE),
    ('Winlogon VmApplet', None, NT + 'Winlogon', 'VmApplet', SZ, sz(EXE + ' /pagefile'), 'Winlogon', EXE + ' /pagefile', EXE),
    ('Winlogon AppSetup', None, NT + 'Winlogon', 'AppSetup', SZ, sz(EXE), 'Winlogon', EXE, EXE),
    ('Winlogon MPNotify', None, NT + 'Winlogon', 'MPNotify', SZ, sz(EXE), 'Winlogon', EXE, EXE),
    ('Winlogon GpExtensions', None, NT + 'Winlogon\\GPExtensions\\' + CLASS, 'DllName', EXPAND, sz(DLL), 'Group policy extension', DLL, DLL),
    ('Winlogon Notify', None, NT + 'Winlogon\\Notify\\e', 'DLLName', EXPAND, sz(DLL), 'Winlogon notification', DLL, DLL),
    ('Policy shell', None, CV + 'Policies\\System', 'Shell', SZ, sz(EXE), 'Policy shell', EXE, EXE),
    ('AlternateShell', Y, CONTROL + 'SafeBoot', 'AlternateShell', SZ, sz(EXE), 'Safe mode shell', EXE, EXE),
    ('UserInitMprLogonScript', U, 'Environment', 'UserInitMprLogonScript', SZ, sz('C:\\evil\\l.bat'), 'Logon script', 'C:\\evil\\l.bat', 'C:\\evil\\l.bat'),
    ('Group policy script', None, CV + 'Group Policy\\Scripts\\Logon\\0\\0', 'Script', SZ, sz('l.bat'), 'Group policy script', 'l.bat', 'l.bat'),
    ('Group policy script (state)', S, CV[2:] + 'Group Policy\\State\\Machine\\Scripts\\Startup\\0\\0', 'Script', SZ, sz('s.ps1'), 'Group policy script', 's.ps1', 's.ps1'),
    ('BootExecute', Y, CONTROL + 'Session Manager', 'BootExecute', MULTI, msz('evil'), 'Session manager', 'evil', 'evil'),
    ('SetupExecute', Y, CONTROL + 'Session Manager', 'SetupExecute', MULTI, msz('evil2'), 'Session manager', 'evil2', 'evil2'),
    ('Execute', Y, CONTROL + 'Session Manager', 'Execute', MULTI, msz('evil3'), 'Session manager', 'evil3', 'evil3'),
    ('AppCertDlls', Y, CONTROL + 'Session Manager\\AppCertDlls', 'e', EXPAND, sz(DLL), 'AppCertDlls', DLL, DLL),
    ('KnownDLLs', Y, CONTROL + 'Session Manager\\KnownDLLs', 'e', SZ, sz('e.dll'), 'KnownDLLs', 'e.dll', 'e.dll'),
    ('AppInit_DLLs', None, NT + 'Windows', 'AppInit_DLLs', SZ, sz(DLL), 'AppInit_DLLs', DLL, DLL),
    ('IconServiceLib', None, NT + 'Windows', 'IconServiceLib', SZ, sz('e.dll'), 'IconServiceLib', 'e.dll', 'e.dll'),
    ('BootVerificationProgram', Y, CONTROL + 'BootVerificationProgram', 'ImagePath', EXPAND, sz(EXE), 'Boot verification program', EXE, EXE),
    ('Setup\\CmdLine', Y, 'Setup', 'CmdLine', SZ, sz(EXE), 'Setup command line', EXE, EXE),
    ('IFEO Debugger', None, NT + 'Image File Execution Options\\sethc.exe', 'Debugger', SZ, sz('cmd.exe'), 'Image File Execution Options', 'cmd.exe', 'cmd.exe'),
    ('IFEO VerifierDlls', None, NT + 'Image File Execution Options\\x.exe', 'VerifierDlls', SZ, sz('e.dll'), 'Image File Execution Options', 'e.dll', 'e.dll'),
    ('IFEO GlobalFlag', None, NT + 'Image File Execution Options\\y.exe', 'GlobalFlag', DWORD, dw(0x200), 'Image File Execution Options', None, None),
    ('SilentProcessExit', None, NT + 'SilentProcessExit\\y.exe', 'MonitorProcess', SZ, sz(EXE), 'Silent process exit monitor', EXE, EXE),
    ('AeDebug', None, NT + 'AeDebug', 'Debugger', SZ, sz(f'"{EXE}" -p %ld'), 'Post-mortem debugger', f'"{EXE}" -p %ld', EXE),
    ('AeDebugProtected', None, NT + 'AeDebugProtected', 'Debugger', SZ, sz(EXE), 'Post-mortem debugger', EXE, EXE),
    ('WER ReflectDebugger', None, '~\\Microsoft\\Windows\\Windows Error Reporting\\Hangs', 'ReflectDebugger', SZ, sz(EXE), 'Error reporting debugger', EXE, EXE),
    ('MiniDumpAuxiliaryDlls', None, NT + 'MiniDumpAuxiliaryDlls', 'C:\\x.dll', SZ, sz(DLL), 'Error reporting module', DLL, DLL),
    ('COR_PROFILER (user)', U, 'Environment', 'COR_PROFILER', SZ, sz(CLASS), '.NET profiler or hook', CLASS, CLASS),
    ('COR_PROFILER (machine)', Y, CONTROL + 'Session Manager\\Environment', 'COR_PROFILER_PATH', SZ, sz(DLL), '.NET profiler or hook', DLL, DLL),
    ('.NET startup hooks', U, 'Environment', 'DOTNET_STARTUP_HOOKS', SZ, sz(DLL), '.NET profiler or hook', DLL, DLL),
    ('.NETFramework', None, '~\\Microsoft\\.NETFramework', 'DbgManagedDebugger', SZ, sz(EXE), '.NET profiler or hook', EXE, EXE),
    ('LSA authentication packages', Y, CONTROL + 'Lsa', 'Authentication Packages', MULTI, msz('evilap'), 'LSA package', 'evilap', 'evilap'),
    ('LSA notification packages', Y, CONTROL + 'Lsa', 'Notification Packages', MULTI, msz('evilnp'), 'LSA package', 'evilnp', 'evilnp'),
    ('LSA security packages', Y, CONTROL + 'Lsa', 'Security Packages', MULTI, msz('mimilib'), 'LSA package', 'mimilib', 'mimilib'),
    ('LSA OSConfig', Y, CONTROL + 'Lsa\\OSConfig', 'Security Packages', MULTI, msz('mimilib'), 'LSA package', 'mimilib', 'mimilib'),
    ('LSA extension', Y, CONTROL + 'LsaExtensionConfig\\LsaSrv', 'Extensions', MULTI, msz('evil.dll'), 'LSA extension', 'evil.dll', 'evil.dll'),
    ('SecurityProviders', Y, CONTROL + 'SecurityProviders', 'SecurityProviders', SZ, sz('evilsp.dll'), 'Security provider', 'evilsp.dll', 'evilsp.dll'),
    ('NetworkProvider\\Order', Y, CONTROL + 'NetworkProvider\\Order', 'ProviderOrder', SZ, sz('evilnet'), 'Network provider order', 'evilnet', 'evilnet'),
    ('NetworkProvider of a service', Y, SERVICES + 'evilnet\\NetworkProvider', 'ProviderPath', EXPAND, sz(DLL), 'Network provider', DLL, DLL),
    ('Credential provider', None, CV + 'Authentication\\Credential Providers\\' + CLASS, None, SZ, None, 'Credential provider', DLL, DLL),
    ('Credential provider filter', None, CV + 'Authentication\\Credential Provider Filters\\' + CLASS, None, SZ, None, 'Credential provider filter', DLL, DLL),
    ('AMSI provider', None, '~\\Microsoft\\AMSI\\Providers\\' + CLASS, None, SZ, None, 'AMSI provider', DLL, DLL),
    ('TimeProviders', Y, SERVICES + 'W32Time\\TimeProviders\\Evil', 'DllName', EXPAND, sz(DLL), 'Time provider', DLL, DLL),
    ('DSRM', Y, CONTROL + 'Lsa', 'DsrmAdminLogonBehavior', DWORD, dw(2), 'DSRM logon', None, None),
    ('Print monitor', Y, CONTROL + 'Print\\Monitors\\Evil', 'Driver', SZ, sz('evil.dll'), 'Print monitor', 'evil.dll', 'evil.dll'),
    ('Print provider', Y, CONTROL + 'Print\\Providers\\Evil', 'Name', SZ, sz('evil.dll'), 'Print provider', 'evil.dll', 'evil.dll'),
    ('Print processor', Y, CONTROL + 'Print\\Environments\\Windows x64\\Print Processors\\Evil', 'Driver', SZ, sz('evil.dll'), 'Print processor', 'evil.dll', 'evil.dll'),
    ('Winsock protocol', Y, SERVICES + 'WinSock2\\Parameters\\Protocol_Catalog9\\Catalog_Entries64\\000000000001', 'PackedCatalogItem', BIN, DLL.encode().ljust(260, b'\0') + bytes(118) + sz('Evil'), 'Winsock protocol', DLL, DLL),
    ('Winsock name space', Y, SERVICES + 'WinSock2\\Parameters\\NameSpace_Catalog5\\Catalog_Entries\\000000000001', 'LibraryPath', SZ, sz(DLL), 'Winsock name space', DLL, DLL),
    ('AutodialDLL', Y, SERVICES + 'WinSock2\\Parameters', 'AutodialDLL', SZ, sz(DLL), 'Winsock autodial', DLL, DLL),
    ('Netsh helper', None, '~\\Microsoft\\NetSh', 'e', SZ, sz(DLL), 'Netsh helper', DLL, DLL),
    ('DNS ServerLevelPluginDll', Y, SERVICES + 'DNS\\Parameters', 'ServerLevelPluginDll', SZ, sz('\\\\evil\\s\\e.dll'), 'DNS server plug-in', '\\\\evil\\s\\e.dll', '\\\\evil\\s\\e.dll'),
    ('RDP InitialProgram', Y, CONTROL + 'Terminal Server\\WinStations\\RDP-Tcp', 'InitialProgram', SZ, sz(EXE), 'RDP initial program', EXE, EXE),
    ('RDP StartupPrograms', Y, CONTROL + 'Terminal Server\\Wds\\rdpwd', 'StartupPrograms', SZ, sz('evilclip'), 'RDP startup program', 'evilclip', 'evilclip'),
    ('RDP policy', None, '~\\Policies\\Microsoft\\Windows NT\\Terminal Services', 'InitialProgram', SZ, sz(EXE), 'RDP initial program', EXE, EXE),
    ('RDP client add-in', None, '~\\Microsoft\\Terminal Server Client\\Default\\AddIns\\Evil', 'Name', SZ, sz(DLL), 'RDP client add-in', DLL, DLL),
    ('Drivers32', None, NT + 'Drivers32', 'wave9', SZ, sz('evil.drv'), 'Codec or driver (Drivers32)', 'evil.drv', 'evil.drv'),
    ('Font Drivers', None, NT + 'Font Drivers', 'e', SZ, sz(DLL), 'Font driver', DLL, DLL),
    ('BHO', None, CV + 'Explorer\\Browser Helper Objects\\' + CLASS, None, SZ, None, 'Browser helper object', DLL, DLL),
    ('ShellExecuteHooks', None, CV + 'Explorer\\ShellExecuteHooks', CLASS, SZ, sz('x'), 'Shell execute hook', DLL, DLL),
    ('SharedTaskScheduler', None, CV + 'Explorer\\SharedTaskScheduler', CLASS, SZ, sz('x'), 'Shared task scheduler', DLL, DLL),
    ('ShellServiceObjectDelayLoad', None, CV + 'ShellServiceObjectDelayLoad', 'e', SZ, sz(CLASS), 'Shell service object', DLL, DLL),
    ('ShellServiceObjects', None, CV + 'Explorer\\ShellServiceObjects\\' + CLASS, None, SZ, None, 'Shell service object', DLL, DLL),
    ('Icon overlay', None, CV + 'Explorer\\ShellIconOverlayIdentifiers\\Evil', '', SZ, sz(CLASS), 'Icon overlay', DLL, DLL),
    ('UrlSearchHooks', None, '~\\Microsoft\\Internet Explorer\\UrlSearchHooks', CLASS, SZ, sz(''), 'URL search hook', DLL, DLL),
    ('IE toolbar', None, '~\\Microsoft\\Internet Explorer\\Toolbar', CLASS, SZ, sz('x'), 'Internet Explorer toolbar', DLL, DLL),
    ('IE extension', None, '~\\Microsoft\\Internet Explorer\\Extensions\\' + CLASS, 'Exec', SZ, sz(EXE), 'Internet Explorer extension', EXE, EXE),
    ('Context handler', S, 'Classes\\Folder\\shellex\\ContextMenuHandlers\\Evil', '', SZ, sz(CLASS), 'Context menu handler', DLL, DLL),
    ('Context handler (background)', S, 'Classes\\Directory\\Background\\shellex\\ContextMenuHandlers\\Evil', '', SZ, sz(CLASS), 'Context menu handler', DLL, DLL),
    ('Context handler (32 bit)', S, 'Classes\\Wow6432Node\\Folder\\shellex\\ContextMenuHandlers\\Evil', '', SZ, sz(CLASS), 'Context menu handler', DLL, DLL),
    ('Context handler (user)', C, 'Folder\\shellex\\ContextMenuHandlers\\Evil', '', SZ, sz(CLASS), 'Context menu handler', DLL, DLL),
    ('Column handler', S, 'Classes\\Folder\\shellex\\ColumnHandlers\\' + CLASS, None, SZ, None, 'Column handler', DLL, DLL),
    ('Copy hook handler', S, 'Classes\\Directory\\shellex\\CopyHookHandlers\\Evil', '', SZ, sz(CLASS), 'Copy hook handler', DLL, DLL),
    ('Protocol filter', S, 'Classes\\Protocols\\Filter\\text/evil', 'CLSID', SZ, sz(CLASS), 'Protocol filter', DLL, DLL),
    ('Protocol handler', S, 'Classes\\Protocols\\Handler\\evil', 'CLSID', SZ, sz(CLASS), 'Protocol handler', DLL, DLL),
    ('Name-space handler', S, 'Classes\\Protocols\\Name-Space Handler\\http\\evil', 'CLSID', SZ, sz(CLASS), 'Protocol handler', DLL, DLL),
    ('exefile command', S, 'Classes\\exefile\\shell\\open\\command', '', SZ, sz(f'{EXE} "%1"'), 'Command of a file type', f'{EXE} "%1"', EXE),
    ('exefile command (user)', C, 'exefile\\shell\\open\\command', '', SZ, sz(f'{EXE} "%1"'), 'Command of a file type', f'{EXE} "%1"', EXE),
    ('ms-settings (user)', C, 'ms-settings\\shell\\open\\command', '', SZ, sz(EXE), 'Command of a file type', EXE, EXE),
    ('COM hijack', C, 'CLSID\\' + CLASS + '\\InprocServer32', '', SZ, sz(DLL), 'COM class of a user', DLL, DLL),
    ('COM hijack (32 bit)', C, 'Wow6432Node\\CLSID\\' + CLASS + '\\LocalServer32', '', SZ, sz(EXE), 'COM class of a user', EXE, EXE),
    ('COM hijack (NTUSER)', U, 'Software\\Classes\\CLSID\\' + CLASS + '\\InprocServer32', '', SZ, sz(DLL), 'COM class of a user', DLL, DLL),
    ('COM TreatAs', C, 'CLSID\\' + CLASS + '\\TreatAs', '', SZ, sz(CLASS), 'COM class treated as another', CLASS, CLASS),
    ('AppPaths', None, CV + 'App Paths\\e.exe', '', SZ, sz(EXE), 'App path', EXE, EXE),
    ('Control panel item', None, CV + 'Control Panel\\Cpls', 'e', SZ, sz('C:\\evil\\e.cpl'), 'Control panel item', 'C:\\evil\\e.cpl', 'C:\\evil\\e.cpl'),
    ('Screen saver', U, 'Control Panel\\Desktop', 'SCRNSAVE.EXE', SZ, sz('C:\\evil\\e.scr'), 'Screen saver', 'C:\\evil\\e.scr', 'C:\\evil\\e.scr'),
    ('cmd Autorun', None, '~\\Microsoft\\Command Processor', 'AutoRun', SZ, sz(EXE), 'Command processor autorun', EXE, EXE),
    ('Office test', None, '~\\Microsoft\\Office test\\Special\\Perf', '', SZ, sz(DLL), 'Office test DLL', DLL, DLL),
    ('Office add-in', None, '~\\Microsoft\\Office\\Word\\Addins\\Evil.Addin', 'Manifest', SZ, sz('file:///C:/evil/e.vsto'), 'Office add-in', 'file:///C:/evil/e.vsto', 'file:///C:/evil/e.vsto'),
    ('VBE add-in', U, 'Software\\Microsoft\\VBA\\VBE\\6.0\\Addins64\\Evil', 'FriendlyName', SZ, sz('Evil'), 'Office add-in', None, None),
    ('Office startup path', U, 'Software\\Microsoft\\Office\\16.0\\Word\\Options', 'STARTUP-PATH', SZ, sz('C:\\evil'), 'Office startup path', 'C:\\evil', 'C:\\evil'),
    ('Office template', U, 'Software\\Microsoft\\Office\\16.0\\Word\\Options', 'GlobalDotName', SZ, sz('C:\\evil\\n.dotm'), 'Office startup path', 'C:\\evil\\n.dotm', 'C:\\evil\\n.dotm'),
    ('Excel OPEN', U, 'Software\\Microsoft\\Office\\16.0\\Excel\\Options', 'OPEN', SZ, sz('/R C:\\evil\\e.xll'), 'Office startup path', '/R C:\\evil\\e.xll', None),
    ('Outlook page', U, 'Software\\Microsoft\\Office\\16.0\\Outlook\\WebView\\Inbox', 'URL', SZ, sz('http://evil.example/'), 'Outlook page', 'http://evil.example/', None),
    ('Outlook Today', U, 'Software\\Microsoft\\Office\\16.0\\Outlook\\Today', 'UserDefinedUrl', SZ, sz('http://evil.example/'), 'Outlook page', 'http://evil.example/', None),
    ('Shim database', None, NT + 'AppCompatFlags\\InstalledSDB\\' + CLASS, 'DatabasePath', SZ, sz('C:\\evil\\e.sdb'), 'Shim database', 'C:\\evil\\e.sdb', None),
    ('Accessibility program', None, NT + 'Accessibility\\ATs\\evil', 'StartExe', EXPAND, sz(EXE), 'Accessibility program', EXE, EXE),
    ('Accessibility program (started)', None, NT + 'Accessibility', 'Configuration', SZ, sz('evil'), 'Accessibility program', 'evil', 'evil'),
    ('SIP', None, '~\\Microsoft\\Cryptography\\OID\\EncodingType 0\\CryptSIPDllVerifyIndirectData\\' + CLASS, 'Dll', SZ, sz(DLL), 'Subject interface package', DLL, DLL),
    ('Trust provider', None, '~\\Microsoft\\Cryptography\\Providers\\Trust\\FinalPolicy\\' + CLASS, '$DLL', SZ, sz('evil.dll'), 'Trust provider', 'evil.dll', 'evil.dll'),
    ('Word breaker', Y, CONTROL + 'ContentIndex\\Language\\English_US', 'WBDLLPathOverride', SZ, sz(DLL), 'Word breaker', DLL, DLL),
    ('MSConfig', S, 'Microsoft\\Shared Tools\\MSConfig\\startupreg\\Evil', 'command', SZ, sz(EXE), 'Run key', EXE, EXE),
]
NO_VALUE = ['Shim database', 'Winsock protocol']

work = tempfile.mkdtemp()
tests = 0
def check(good, what, more=''):
    global tests
    tests += 1
    print(f'{"ok" if good else "not ok"} {tests} - {what}')
    if not good:
        print('#', str(more)[:2000])

def plant(hive, key, values):
    trees.setdefault(hive, {}).setdefault(key, []).extend(values)

def persistence(path):
    got = subprocess.run([konseki, 'parse', path], capture_output=True, text=True)
    return [e for e in map(json.loads, got.stdout.splitlines()) if e['kind'] == 'persistence']

try:
    trees, wanted = {}, []
    prefix = {S: 'HKLM\\SOFTWARE', Y: 'HKLM\\SYSTEM', U: 'HKU\\alice', C: 'HKU\\alice_Classes'}
    for item, hive, key, name, kind, data, place, command, image in places:
        roots = [(hive, key)] if hive else [(S, key[2:]), (S, 'Wow6432Node' + key[1:]), (U, 'Software' + key[1:])]
        for where, at in roots:
            plant(where, at, [(name, kind, data)] if name is not None else [])
            wanted.append((item, where, f'{prefix[where]}\\{at}', name, place, command, image))
    for hive, root in ((S, 'Classes\\CLSID\\'), (U, 'Software\\Classes\\CLSID\\'), (C, 'CLSID\\')):
        if not any(k == root + CLASS + '\\InprocServer32' for k in trees[hive]):
            plant(hive, root + CLASS + '\\InprocServer32', [('', SZ, sz(DLL))])
    plant(Y, 'Select', [('Current', DWORD, dw(1))])
    # Run entries that Explorer was told to skip, or to start
    plant(S, CV[2:] + 'Run', [('off', SZ, sz(EXE)), ('on', SZ, sz(EXE))])
    plant(S, 'Wow6432Node\\' + CV[2:] + 'Run', [('off', SZ, sz(EXE))])
    plant(S, CV[2:] + 'Explorer\\StartupApproved\\Run', [('off', BIN, b'\3' + bytes(11)), ('on', BIN, b'\2' + bytes(11))])
    plant(S, CV[2:] + 'Explorer\\StartupApproved\\Run32', [('off', BIN, b'\7' + bytes(11))])
    plant(U, 'Software' + CV[1:] + 'Run', [('off', SZ, sz(EXE))])
    plant(U, 'Software' + CV[1:] + 'Explorer\\StartupApproved\\Run', [('off', BIN, b'\3' + bytes(11))])
    # services
    plant(Y, SERVICES + 'evil', [('Type', DWORD, dw(0x10)), ('Start', DWORD, dw(2)), ('ImagePath', EXPAND, sz(EXE + ' -s')), ('ObjectName', SZ, sz('.\\bob')), ('FailureCommand', SZ, sz('C:\\evil\\again.exe'))])
    plant(Y, SERVICES + 'evil\\TriggerInfo\\0', [('Type', DWORD, dw(1)), ('Action', DWORD, dw(1)), ('GUID', BIN, uuid.UUID('11111111-2222-3333-4444-555555555555').bytes_le)])
    plant(Y, SERVICES + 'evil\\TriggerInfo\\1', [('Type', DWORD, dw(20)), ('Action', DWORD, dw(2)), ('GUID', BIN, bytes(16))])
    plant(Y, SERVICES + 'evildll', [('Type', DWORD, dw(0x20)), ('Start', DWORD, dw(4)), ('ImagePath', EXPAND, sz('%SystemRoot%\\System32\\svchost.exe -k netsvcs'))])
    plant(Y, SERVICES + 'evildll\\Parameters', [('ServiceDll', EXPAND, sz('%SystemRoot%\\evil.dll'))])
    plant(Y, SERVICES + 'evildrv', [('Type', DWORD, dw(1)), ('Start', DWORD, dw(0)), ('ImagePath', EXPAND, sz('\\??\\C:\\evil\\e.sys'))])
    plant(Y, SERVICES + 'baredrv', [('Type', DWORD, dw(1)), ('Start', DWORD, dw(1))])
    # tasks
    T = NT[2:] + 'Schedule\\TaskCache\\'
    for n, (name, sd, tree) in enumerate((('Shown', True, True), ('NoDescriptor', False, True), ('NotListed', False, False))):
        guid = '{00000000-0000-0000-0000-%012d}' % n
        plant(S, T + 'Tasks\\' + guid, [('Path', SZ, sz('\\' + name)), ('Actions', BIN, regf.action(EXE, '-t'))])
        if tree:
            plant(S, T + 'Tree\\' + name, [('Id', SZ, sz(guid))] + ([('SD', BIN, bytes(20))] if sd else []))

    roots = {S: 'emRoot\\System32\\Config\\SOFTWARE', Y: '\\SystemRoot\\System32\\Config\\SYSTEM', U: '\\??\\C:\\Users\\alice\\ntuser.dat', C: '\\AppData\\Local\\Microsoft\\Windows\\UsrClass.dat'}
    events = {}
    for hive, spec in trees.items():
        folder = os.path.join(work, 'C/Users/alice' if hive in (U, C) else 'C/Windows/System32/config')
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, hive)
        open(path, 'wb').write(regf.Hive(regf.tree(spec), roots[hive]).file())
        events[hive] = persistence(path)
    for item, hive, key, name, place, command, image in wanted:
        targets = (key.lower(), f'{key}\\{name or "(Default)"}'.lower())
        hits = [e for e in events[hive] if e['fields']['Place'] == place and e['fields']['TargetObject'].lower() in targets
                and e['fields'].get('CommandLine') == command]
        good = len(hits) == 1 and (image is None or hits[0]['fields'].get('Image') == image) and hits[0]['fields']['File'].lower() == key.lower() \
            and (hive not in (U, C) or hits[0]['user'] == 'alice')
        check(good, f'{item}: {key}', [e['fields'] for e in events[hive] if e['fields']['TargetObject'].lower() in targets])

    def entry(hive, place, name, value=None):
        hits = [e['fields'] for e in events[hive] if e['fields']['Place'] == place and e['fields']['Name'] == name and (value is None or value in e['fields']['TargetObject'])]
        return hits[0] if len(hits) == 1 else {'hits': hits}
    check(entry(S, 'Run key', 'off', 'SOFTWARE\\Microsoft').get('State') == 'disabled', 'a Run entry that is disabled says so')
    check(entry(S, 'Run key', 'on').get('State') == 'enabled', 'one that was enabled again says so')
    check(entry(S, 'Run key', 'off', 'Wow6432Node').get('State') == 'disabled', '32-bit ones are in Run32')
    check(entry(U, 'Run key', 'off').get('State') == 'disabled', "a user's too")
    check('State' not in entry(S, 'Run key', 'e', 'SOFTWARE\\Microsoft'), 'nothing is said of others')
    evil = entry(Y, 'Service', 'evil')
    check(evil.get('Image') == EXE and evil.get('FailureCommand') == 'C:\\evil\\again.exe' and evil.get('User') == '.\\bob' and evil.get('StartType') == 'auto', 'service: ImagePath, failure command, account', evil)
    check(evil.get('Triggers') == 'start: device arrives {11111111-2222-3333-4444-555555555555}; stop: event of a provider {00000000-0000-0000-0000-000000000000}', 'service: triggers', evil.get('Triggers'))
    dll = entry(Y, 'Service', 'evildll')
    check(dll.get('ServiceDll') == '%SystemRoot%\\evil.dll' and dll.get('ImageLoaded') == 'C:\\Windows\\evil.dll' and dll.get('StartType') == 'disabled', 'service: ServiceDll, disabled', dll)
    check(entry(Y, 'Driver', 'evildrv').get('Image') == 'C:\\evil\\e.sys' and entry(Y, 'Driver', 'evildrv').get('StartType') == 'boot', 'driver: its path')
    check(entry(Y, 'Driver', 'baredrv').get('Image') == 'C:\\Windows\\System32\\drivers\\baredrv.sys', 'driver without a path')
    task = {n: entry(S, 'Scheduled task', '\\' + n) for n in ('Shown', 'NoDescriptor', 'NotListed')}
    check(task['Shown'].get('Image') == EXE and task['Shown'].get('CommandLine') == EXE + ' -t' and 'Hidden' not in task['Shown'], 'task: its command', task)
    check('descriptor' in task['NoDescriptor'].get('Hidden', ''), 'task without a security descriptor is hidden', task)
    check('tree' in task['NotListed'].get('Hidden', ''), 'task that the tree does not list is hidden', task)
    sam = os.path.join(work, 'C/Windows/System32/config/SAM')
    open(sam, 'wb').write(regf.Hive(regf.tree(regf.SAM)).file())
    events[Y] = persistence(sam)
    check(entry(Y, 'RID hijack', 'helper').get('HijackedRID') == '500', 'RID hijack')

    # ---- files
    spec = importlib.util.spec_from_file_location('make_winart', 'tests/fixtures/make_winart.py')
    art = importlib.util.module_from_spec(spec)
    sys.argv = ['', os.path.join(work, 'art')]
    spec.loader.exec_module(art)
    START = 'Users/alice/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/'
    def put(path, data):
        path = os.path.join(work, 'C', path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, 'wb').write(data)
        return path
    def one(path, data):
        got = persistence(put(path, data))
        return got[0]['fields'] | {'user': got[0]['user']} if len(got) == 1 else {'got': got}
    f = one(START + 'e.bat', b'start x')
    check(f.get('Place') == 'Startup folder' and f.get('Image', '').endswith('Startup/e.bat') and f.get('user') == 'alice', 'Startup folder: a script', f)
    check(not persistence(put(START + 'desktop.ini', b'[.ShellClassInfo]')), 'Startup folder: desktop.ini is none')
    f = one(START + 'e.exe', art.pe(True, art.DAY))
    check(f.get('Place') == 'Startup folder' and f.get('Name') == 'e.exe', 'Startup folder: a program', f)
    link = next(p for p in sorted(os.listdir(os.path.join(work, 'art/lnk'))) if p.endswith('.lnk'))
    f = one('ProgramData/Microsoft/Windows/Start Menu/Programs/StartUp/x.lnk', open(os.path.join(work, 'art/lnk', link), 'rb').read())
    check(f.get('Place') == 'Startup folder' and f.get('Name') == 'x.lnk' and f.get('Image'), 'Startup folder of all: a shortcut', f)
    for name in ('Users/alice/Documents/WindowsPowerShell/Microsoft.PowerShell_profile.ps1', 'Users/alice/Documents/PowerShell/profile.ps1',
                 'Windows/System32/WindowsPowerShell/v1.0/profile.ps1', 'Program Files/PowerShell/7/profile.ps1'):
        check(one(name, b'iex evil').get('Place') == 'PowerShell profile', f'PowerShell profile: {name}')
    f = one('Windows/System32/GroupPolicy/User/Scripts/scripts.ini', b'\xff\xfe' + u16('\r\n[Logon]\r\n0CmdLine=C:\\evil\\l.bat\r\n0Parameters=-q\r\n'))
    check(f.get('Name') == 'Logon' and f.get('CommandLine') == 'C:\\evil\\l.bat -q', 'group policy script file', f)
    f = one('Windows/win.ini', b'[windows]\r\nload=\r\nrun=C:\\evil\\e.exe\r\n[fonts]\r\n')
    check(f.get('Name') == 'run' and f.get('Image') == EXE, 'win.ini', f)
    check(one('Users/alice/AppData/Roaming/Microsoft/Word/STARTUP/e.dotm', b'PK').get('Place') == 'Office startup folder', 'Word startup folder')
    # ---- WMI: a script that goes on in pages which only the mapping finds; what the mapping has no more was deleted
    subprocess.run([sys.executable, 'tests/fixtures/make_wmi.py', work], check=True)
    got = subprocess.run([konseki, 'parse', os.path.join(work, '_wmi/OBJECTS.DATA')], capture_output=True, text=True)
    wmi = {e['fields']['Name']: e for e in map(json.loads, got.stdout.splitlines())}
    script = wmi['long']['fields']['CommandLine']
    check(script == 'var s; ' * 2000 + '// the end' and 'flags' not in wmi['long'], 'WMI: a script over three pages', script[-40:])
    check(wmi['Deleted one'].get('flags') == ['recovered'] and 'flags' not in wmi['Updater'], 'WMI: a deleted consumer says so', wmi['Deleted one'])
finally:
    shutil.rmtree(work)
print(f'1..{tests}')
