/* What only WMI tells: its own subscriptions, the security centre's products, updates. Its service
 * may be down, broken or hang; the step's time limit takes care of that. */
#include "collectors/windows/windows.h"

#include <initguid.h>
#include <objbase.h>
#include <sddl.h>
#include <stdlib.h>
#include <wbemcli.h>

#include "base/persistence.h"
#include "base/text.h"
#include "collectors/lines.h"

#define ANSWER_MS 10000 /* for the next object */

struct name_space {
	struct step *s;
	const wchar_t *path;
	IWbemServices *services;
};

static bool connect_to(struct name_space *n, bool must)
{
	IWbemLocator *locator = NULL;
	BSTR path = SysAllocString(n->path);
	HRESULT status = CoCreateInstance(&CLSID_WbemLocator, NULL, CLSCTX_INPROC_SERVER,
					  &IID_IWbemLocator, (void **)&locator);

	if (SUCCEEDED(status))
		status = locator->lpVtbl->ConnectServer(locator, path, NULL, NULL, NULL,
							WBEM_FLAG_CONNECT_USE_MAX_WAIT, NULL, NULL,
							&n->services);
	if (SUCCEEDED(status))
		(void)CoSetProxyBlanket((IUnknown *)n->services, RPC_C_AUTHN_WINNT,
					RPC_C_AUTHZ_NONE, NULL, RPC_C_AUTHN_LEVEL_CALL,
					RPC_C_IMP_LEVEL_IMPERSONATE, NULL, EOAC_NONE);
	else if (must)
		step_failed(n->s, "WMI, %ls: 0x%08lx", n->path, (unsigned long)status);
	if (locator)
		(void)locator->lpVtbl->Release(locator);
	SysFreeString(path);
	return SUCCEEDED(status);
}

/* A property as text; NULL when it is not there or empty. The caller's. */
static char *text_of(IWbemClassObject *o, const wchar_t *name)
{
	VARIANT v, text;
	char *utf8 = NULL;

	VariantInit(&v);
	VariantInit(&text);
	if (SUCCEEDED(o->lpVtbl->Get(o, name, 0, &v, NULL, NULL)) && v.vt != VT_NULL &&
	    v.vt != VT_EMPTY && !(v.vt & VT_ARRAY) &&
	    SUCCEEDED(VariantChangeType(&text, &v, 0, VT_BSTR)) && text.bstrVal)
		utf8 = utf8_of_n(text.bstrVal, SysStringLen(text.bstrVal));
	(void)VariantClear(&v);
	(void)VariantClear(&text);
	if (utf8 && !*utf8) {
		free(utf8);
		utf8 = NULL;
	}
	return utf8;
}

/* CreatorSID is an array of bytes. */
static char *sid_of(IWbemClassObject *o)
{
	VARIANT v;
	char *text = NULL;
	wchar_t *wide = NULL;
	void *bytes;
	LONG low, high;

	VariantInit(&v);
	if (SUCCEEDED(o->lpVtbl->Get(o, L"CreatorSID", 0, &v, NULL, NULL)) &&
	    v.vt == (VT_ARRAY | VT_UI1) && SUCCEEDED(SafeArrayGetLBound(v.parray, 1, &low)) &&
	    SUCCEEDED(SafeArrayGetUBound(v.parray, 1, &high)) && high - low + 1 >= 8 &&
	    SUCCEEDED(SafeArrayAccessData(v.parray, &bytes))) {
		/* Revision, count of parts, authority, parts. */
		if (8 + 4 * ((const BYTE *)bytes)[1] <= high - low + 1 && IsValidSid(bytes) &&
		    ConvertSidToStringSidW(bytes, &wide)) {
			text = utf8_of(wide);
			(void)LocalFree(wide);
		}
		(void)SafeArrayUnaccessData(v.parray);
	}
	(void)VariantClear(&v);
	return text;
}

/* Every object of a query; false when it could not be asked. */
static bool each(struct name_space *n, const wchar_t *query,
		 void (*fn)(struct step *s, IWbemClassObject *o), bool must)
{
	IEnumWbemClassObject *list = NULL;
	BSTR language = SysAllocString(L"WQL"), text = SysAllocString(query);
	HRESULT status = n->services->lpVtbl->ExecQuery(
		n->services, language, text, WBEM_FLAG_FORWARD_ONLY | WBEM_FLAG_RETURN_IMMEDIATELY,
		NULL, &list);

	if (SUCCEEDED(status))
		(void)CoSetProxyBlanket((IUnknown *)list, RPC_C_AUTHN_WINNT, RPC_C_AUTHZ_NONE, NULL,
					RPC_C_AUTHN_LEVEL_CALL, RPC_C_IMP_LEVEL_IMPERSONATE, NULL,
					EOAC_NONE);
	while (SUCCEEDED(status) && !step_over(n->s)) {
		IWbemClassObject *o = NULL;
		ULONG got = 0;

		status = list->lpVtbl->Next(list, ANSWER_MS, 1, &o, &got);
		if (SUCCEEDED(status) && got) {
			fn(n->s, o);
			(void)o->lpVtbl->Release(o);
		}
		if (status == WBEM_S_TIMEDOUT) {
			step_failed(n->s, "WMI, %ls: no answer to %ls", n->path, query);
			break;
		}
		if (status != WBEM_S_NO_ERROR || !got)
			break;
	}
	if (FAILED(status) && must)
		step_failed(n->s, "WMI, %ls, %ls: 0x%08lx", n->path, query, (unsigned long)status);
	if (list)
		(void)list->lpVtbl->Release(list);
	SysFreeString(text);
	SysFreeString(language);
	return SUCCEEDED(status);
}

/* ---- subscriptions, in the words of the repository's parser ---- */

static void filter_line(struct step *s, IWbemClassObject *o)
{
	struct buffer *b = step_lines(s);

	line_start(b, "autorun");
	line_text(b, "Place", "WMI event filter");
	line_own(b, "Name", text_of(o, L"Name"));
	line_own(b, "QueryLanguage", text_of(o, L"QueryLanguage"));
	line_own(b, "Query", text_of(o, L"Query"));
	line_own(b, "EventNamespace", text_of(o, L"EventNamespace"));
	line_own(b, "EventAccess", text_of(o, L"EventAccess"));
	line_own(b, "CreatorSid", sid_of(o));
	step_end(s);
}

static void consumer_line(struct step *s, IWbemClassObject *o)
{
	static const struct {
		const char *class, *place;
		const wchar_t *command, *other;
	} classes[] = {
		{"CommandLineEventConsumer", "WMI command line consumer", L"CommandLineTemplate",
		 L"ExecutablePath"},
		{"ActiveScriptEventConsumer", "WMI script consumer", L"ScriptText",
		 L"ScriptFilename"},
		{"LogFileEventConsumer", "WMI log file consumer", L"Text", NULL},
		{"NTEventLogEventConsumer", "WMI event log consumer", NULL, NULL},
		{"SMTPEventConsumer", "WMI mail consumer", L"Message", NULL},
	};
	static const wchar_t *const properties[] = {L"MachineName",
						    L"ExecutablePath",
						    L"CommandLineTemplate",
						    L"WorkingDirectory",
						    L"DesktopName",
						    L"WindowTitle",
						    L"ScriptingEngine",
						    L"ScriptText",
						    L"ScriptFilename",
						    L"Filename",
						    L"Text",
						    L"UNCServerName",
						    L"SourceName",
						    L"NameOfUserSIDProperty",
						    L"SMTPServer",
						    L"Subject",
						    L"FromLine",
						    L"ReplyToLine",
						    L"Message",
						    L"ToLine",
						    L"CcLine",
						    L"BccLine"};
	struct buffer *b = step_lines(s);
	char *class = text_of(o, L"__CLASS"), *command = NULL, *file;
	const char *place = "WMI consumer";
	bool program = class && strcmp(class, "CommandLineEventConsumer") == 0;

	for (size_t i = 0; class && i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strcmp(classes[i].class, class) == 0) {
			place = classes[i].place;
			if (classes[i].command)
				command = text_of(o, classes[i].command);
			if (!command && classes[i].other)
				command = text_of(o, classes[i].other);
		}
	line_start(b, "autorun");
	line_text(b, "Place", place);
	line_own(b, "Name", text_of(o, L"Name"));
	line_some(b, "CommandLine", command);
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
		char *name = utf8_of(properties[i]);

		line_own(b, name, text_of(o, properties[i]));
		free(name);
	}
	line_own(b, "CreatorSid", sid_of(o));
	line_some(b, "ConsumerClass", class);
	if (program && command) {
		struct arena arena = {0};
		char *path = text_of(o, L"ExecutablePath");

		line_text(b, "Image", path ? path : command_image(&arena, command));
		arena_release(&arena);
		free(path);
		file = windows_image(command);
		if (file)
			windows_image_fields(b, file);
		free(file);
	}
	step_end(s);
	free(command);
	free(class);
}

/* Class.Name="x": what stands between the quotes; the whole when there are none. */
static char *key_of(const char *reference)
{
	const char *from = reference ? strchr(reference, '"') : NULL,
		   *to = from ? strrchr(from + 1, '"') : NULL;

	return to	   ? xmemdup0(from + 1, (size_t)(to - from - 1))
	       : reference ? xstrdup(reference)
			   : NULL;
}

static void binding_line(struct step *s, IWbemClassObject *o)
{
	struct buffer *b = step_lines(s);
	char *filter = text_of(o, L"Filter"), *consumer = text_of(o, L"Consumer"),
	     *name = key_of(consumer), *filter_name = key_of(filter);

	line_start(b, "autorun");
	line_text(b, "Place", "WMI binding");
	line_some(b, "Name", name);
	line_some(b, "Filter", filter_name);
	line_some(b, "Consumer", consumer);
	line_own(b, "CreatorSid", sid_of(o));
	step_end(s);
	free(filter_name);
	free(name);
	free(consumer);
	free(filter);
}

static void subscriptions(struct step *s, const wchar_t *path, bool must)
{
	struct name_space n = {.s = s, .path = path};

	if (!connect_to(&n, must))
		return;
	(void)each(&n, L"SELECT * FROM __EventFilter", filter_line, must);
	(void)each(&n, L"SELECT * FROM __EventConsumer", consumer_line, must);
	(void)each(&n, L"SELECT * FROM __FilterToConsumerBinding", binding_line, must);
	(void)n.services->lpVtbl->Release(n.services);
}

/* ---- protection, updates ---- */

static void product_line(struct step *s, IWbemClassObject *o)
{
	struct buffer *b = step_lines(s);
	char *class = text_of(o, L"__CLASS"), *state = text_of(o, L"productState");
	unsigned long n = state ? strtoul(state, NULL, 10) : 0;

	line_start(b, "protection");
	line_own(b, "Name", text_of(o, L"displayName"));
	line_some(b, "Product", class);
	line_own(b, "Image", text_of(o, L"pathToSignedProductExe"));
	line_own(b, "ReportingImage", text_of(o, L"pathToSignedReportingExe"));
	if (state) {
		/* Bits as the security centre's own window reads them; nobody documents them. */
		line_own(b, "ProductState", xasprintf("0x%06lx", n));
		line_bool(b, "Enabled", (n & 0x1000) != 0);
		line_bool(b, "UpToDate", (n & 0x10) == 0);
	}
	line_own(b, "Timestamp", text_of(o, L"timestamp"));
	step_end(s);
	free(class);
	free(state);
}

static void hotfix_line(struct step *s, IWbemClassObject *o)
{
	struct buffer *b = step_lines(s);

	line_start(b, "hotfix");
	line_own(b, "Name", text_of(o, L"HotFixID"));
	line_own(b, "Description", text_of(o, L"Description"));
	line_own(b, "InstalledBy", text_of(o, L"InstalledBy"));
	line_own(b, "InstalledOn", text_of(o, L"InstalledOn"));
	step_end(s);
}

void windows_wmi(struct step *s)
{
	struct name_space centre = {.s = s, .path = L"ROOT\\SecurityCenter2"},
			  system = {.s = s, .path = L"ROOT\\CIMV2"};
	HRESULT status = CoInitializeEx(NULL, COINIT_MULTITHREADED);

	if (FAILED(status)) {
		step_failed(s, "COM: 0x%08lx", (unsigned long)status);
		return;
	}
	/* Once for a process: whoever comes second is told so, and it does no harm. */
	(void)CoInitializeSecurity(NULL, -1, NULL, NULL, RPC_C_AUTHN_LEVEL_DEFAULT,
				   RPC_C_IMP_LEVEL_IMPERSONATE, NULL, EOAC_NONE, NULL);
	subscriptions(s, L"ROOT\\subscription", true);
	subscriptions(s, L"ROOT\\DEFAULT", false);
	/* Servers have no security centre. */
	if (connect_to(&centre, false)) {
		(void)each(&centre, L"SELECT * FROM AntiVirusProduct", product_line, false);
		(void)each(&centre, L"SELECT * FROM AntiSpywareProduct", product_line, false);
		(void)each(&centre, L"SELECT * FROM FirewallProduct", product_line, false);
		(void)centre.services->lpVtbl->Release(centre.services);
	}
	if (connect_to(&system, false)) {
		(void)each(&system, L"SELECT * FROM Win32_QuickFixEngineering", hotfix_line, true);
		(void)system.services->lpVtbl->Release(system.services);
	}
	CoUninitialize();
}
