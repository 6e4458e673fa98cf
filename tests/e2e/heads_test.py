"""Request lines, targets, hosts and fields: what breaks the grammar is refused, what is only unusual is understood."""

from check import equal, require, within
from delivery import deliveries, few_deliveries
from harness import Group
from replies import arrived, expect_own_reply
from strictness import END, FAR_APART, GET, POST, World, accept_row, in_every_way, refuse, row


def heads(bench):
    return World(bench)


group = Group(heads)

group.table("h1.head", [
    ("space_before_colon", "a space before the colon", POST + b"Content-Length : 5\r\n\r\nhello"),
    ("tab_before_colon", "a tab before the colon", POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    ("fold_space", "a folded field, by space", GET + b"X-A: 1\r\n 2\r\n\r\n"),
    ("fold_tab", "a folded field, by tab", GET + b"X-A: 1\r\n\t2\r\n\r\n"),
    ("fold_first", "white space before the first field", b"GET /x HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"),
    ("fold_chunked", "folding that hides a coding", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    ("nul_in_value", "NUL in a value", GET + b"X-A: a\x00b\r\n\r\n"),
    ("nul_in_name", "NUL in a name", GET + b"X\x00A: a\r\n\r\n"),
    ("cr_in_value", "a bare CR in a value", GET + b"X-A: a\rb\r\n\r\n"),
    ("cr_cr_lf", "CR CR LF", GET + b"X-A: a\r\r\n\r\n"),
    ("control_in_value", "a control byte in a value", GET + b"X-A: a\x01b\r\n\r\n"),
    ("escape_in_value", "an escape byte in a value", GET + b"X-A: a\x1bb\r\n\r\n"),
    ("delete_in_value", "DEL in a value", GET + b"X-A: a\x7fb\r\n\r\n"),
    ("lf_request_line", "the request line ends in LF alone", b"GET /x HTTP/1.1\nHost: a\r\n\r\n"),
    ("lf_field", "a field ends in LF alone", b"GET /x HTTP/1.1\r\nHost: a\nX-A: 1\r\n\r\n"),
    ("lf_end", "the head ends in LF alone", GET + b"\n"),
    ("lf_only", "LF alone everywhere", b"GET /x HTTP/1.1\nHost: a\n\n"),
    ("no_colon", "a field without colon", GET + b"nonsense\r\n\r\n"),
    ("empty_name", "a field without name", GET + b": x\r\n\r\n"),
    ("name_with_space", "a space within a name", GET + b"X A: 1\r\n\r\n"),
    ("name_not_token", "a name that is no token", GET + b"X(A): 1\r\n\r\n"),
    ("name_not_ascii", "a name outside ASCII", GET + b"X\xc3\xa4: 1\r\n\r\n"),
    ("connection_not_token", "Connection that is no list of tokens", GET + b"Connection: a b\r\n\r\n"),
    ("connection_too_many", "Connection with too many options",
     GET + b"Connection: " + b", ".join(b"x%d" % i for i in range(40)) + b"\r\n\r\n"),
    ("unknown_expectation", "an expectation that nobody knows", POST + b"Expect: more\r\nContent-Length: 5\r\n\r\nhello", 417),
    ("cr_request_line", "a bare CR in the request line", b"GET /x\r HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("cr_before_colon", "a bare CR before the colon", GET + b"X-A\r: 1\r\n\r\n"),
    ("cr_end", "CR alone at the end of the head", GET + b"\rX"),
    ("cr_only", "CR alone everywhere", b"GET /x HTTP/1.1\rHost: a\r\r"),
    ("lf_cr", "LF before CR", GET + b"X-A: 1\n\r\n\r\n"),
    ("lf_twice", "LF twice at the end of the head", b"GET /x HTTP/1.1\r\nHost: a\n\n"),
    ("fold_spaces", "a line of white space alone", GET + b"X-A: 1\r\n \r\nX-B: 2\r\n\r\n"),
    ("fold_length", "folding that hides a length", POST + b"Content-Length:\r\n 5\r\n\r\nhello"),
    ("fold_last", "a folded line before the end of the head", GET + b"X-A: 1\r\n \r\n\r\n"),
    ("space_before_colon_host", "a space before Host's colon", b"GET /x HTTP/1.1\r\nHost : a\r\n\r\n"),
    ("space_before_colon_any", "a space before the colon of any field", GET + b"X-A : 1\r\n\r\n"),
    ("spaces_before_colon", "spaces and tabs before the colon", GET + b"X-A \t : 1\r\n\r\n"),
    ("vertical_tab_before_colon", "a vertical tab before the colon", GET + b"X-A\x0b: 1\r\n\r\n"),
    ("space_alone_name", "white space in place of a name", GET + b"X-A: 1\r\n : 2\r\n\r\n"),
], refuse)

# A head that a vectorised search takes in blocks of 16 and 32 bytes: the forbidden byte stands at each place of a block.
PLACES = (*range(16, 18), *range(30, 34), 47, 63, 64)


def refuse_at_places(world, byte):
    for place in PLACES:
        refuse(world, GET + b"X-A: " + b"v" * place + byte + b"w" * 40 + b"\r\n\r\n", ways=few_deliveries)


group.table("h1.head.everywhere", [
    ("nul", "NUL at every place of a block", b"\x00"),
    ("cr", "a bare CR at every place of a block", b"\r"),
    ("lf", "a bare LF at every place of a block", b"\n"),
    ("delete", "DEL at every place of a block", b"\x7f"),
], refuse_at_places)


def refuse_control_bytes(world, before, behind):
    """Every control byte but HTAB, CR and LF, which have rows of their own."""
    for value in (*range(0x00, 0x09), *range(0x0b, 0x0d), *range(0x0e, 0x20), 0x7f):
        refuse(world, before + bytes([value]) + behind, ways=few_deliveries)


group.table("h1.head.controls", [
    ("method", "every control byte in the method", b"GE", b"T /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("target", "every control byte in the target", b"GET /a", b"b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("query", "every control byte in the query", b"GET /a?b", b"c HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("name", "every control byte in a name", GET + b"X-", b"A: 1\r\n\r\n"),
    ("value", "every control byte in a value", GET + b"X-A: a", b"b\r\n\r\n"),
    ("host", "every control byte in Host", b"GET /x HTTP/1.1\r\nHost: a", b"b\r\n\r\n"),
], refuse_control_bytes)


def with_host(value):
    return b"GET /x HTTP/1.1\r\nHost: " + value + b"\r\n\r\n"


group.table("h1.host", [
    ("missing", "no Host", b"GET /x HTTP/1.1\r\nX-A: 1\r\n\r\n"),
    ("missing_alone", "no field at all", b"GET /x HTTP/1.1\r\n\r\n"),
    ("repeated", "two different Hosts", GET + b"Host: b\r\n\r\n"),
    ("repeated_same", "the same Host twice", GET + b"Host: a\r\n\r\n"),
    ("empty", "an empty Host", with_host(b"")),
    ("user", "user information", with_host(b"user@a")),
    ("space", "a space", with_host(b"a b")),
    ("comma", "a comma", with_host(b"a,b")),
    ("slash", "a slash", with_host(b"a/b")),
    ("percent", "an escape", with_host(b"a%2eb")),
    ("empty_port", "an empty port", with_host(b"a:")),
    ("port_zero", "port 0", with_host(b"a:0")),
    ("port_large", "a port above 65535", with_host(b"a:65536")),
    ("port_letters", "a port of letters", with_host(b"a:http")),
    ("port_sign", "a port with a sign", with_host(b"a:+80")),
    ("two_ports", "two ports", with_host(b"a:80:80")),
    ("only_port", "a port alone", with_host(b":80")),
    ("open_bracket", "an address literal that does not end", with_host(b"[::1")),
    ("bad_literal", "an address literal that is none", with_host(b"[::g]")),
    ("zone", "an address literal with a zone", with_host(b"[fe80::1%25eth0]")),
    ("empty_label", "an empty label", with_host(b"a..b")),
    ("long", "a host of 300 bytes", with_host(b"a" * 300)),
    ("target_user", "user information in the target", b"GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("target_empty", "an empty authority in the target", b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("target_port", "a bad port in the target", b"GET http://a:x/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("target_host_bad", "a valid target and a bad Host", b"GET http://a/x HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("target_host_missing", "an absolute target and no Host", b"GET http://a/x HTTP/1.1\r\n\r\n"),
    ("tab", "a tab", with_host(b"a\tb")),
    ("backslash", "a backslash", with_host(b"a\\b")),
    ("query", "a question mark", with_host(b"a?b")),
    ("fragment", "a hash", with_host(b"a#b")),
    ("user_password", "user and password", with_host(b"u:p@a")),
    ("user_empty", "empty user information", with_host(b"@a")),
    ("user_port", "user information and a port", with_host(b"u@a:80")),
    ("comma_list", "a list of two", with_host(b"a, b")),
    ("comma_behind", "a comma behind it", with_host(b"a,")),
    ("scheme", "a whole URI", with_host(b"http://a/")),
    ("not_ascii", "a name outside ASCII", with_host(b"\xc3\xa4.example")),
    ("quotes", "a name in quotes", with_host(b'"a"')),
    ("port_spaces", "a space before the port", with_host(b"a: 80")),
    ("port_zeros", "a port with leading zeros", with_host(b"a:080")),
    ("port_minus", "a negative port", with_host(b"a:-1")),
    ("port_wraps", "a port that wraps 16 bits", with_host(b"a:65616")),
    ("port_long", "a port of a hundred digits", with_host(b"a:" + b"8" * 100)),
    ("port_trailing", "a letter behind the port", with_host(b"a:80x")),
    ("literal_bare", "an IPv6 address without brackets", with_host(b"::1")),
    ("literal_behind", "bytes behind an address literal", with_host(b"[::1]a")),
    ("literal_empty_port", "an address literal with an empty port", with_host(b"[::1]:")),
    ("literal_empty", "empty brackets", with_host(b"[]")),
    ("literal_close", "a bracket that nothing opened", with_host(b"::1]")),
    ("dot", "a dot alone", with_host(b".")),
    ("dot_first", "a dot first", with_host(b".a")),
    ("repeated_far", "two Hosts with sixty fields between them", GET + FAR_APART + b"Host: a\r\n\r\n"),
    ("repeated_case", "two Hosts in different case", GET + b"HOST: a\r\n\r\n"),
    ("repeated_empty", "a Host and an empty one", GET + b"Host:\r\n\r\n"),
    ("http_1_0_repeated", "two Hosts in HTTP/1.0", b"GET /x HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("http_1_0_bad", "a bad Host in HTTP/1.0", b"GET /x HTTP/1.0\r\nHost: a b\r\n\r\n"),
    ("target_repeated", "an absolute target does not excuse two Hosts", b"GET http://a/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
], refuse)


def absolute(authority):
    """Host is valid: the authority of the target wins over it, so it is the one that counts."""
    return b"GET http://" + authority + b"/x HTTP/1.1\r\nHost: a\r\n\r\n"


def line(text):
    return text + b"\r\nHost: a\r\n\r\n"


group.table("h1.target", [
    ("user_password", "user and password", absolute(b"u:p@a")),
    ("user_empty", "empty user information", absolute(b"@a")),
    ("comma", "a comma", absolute(b"a,b")),
    ("space", "a space", absolute(b"a b")),
    ("tab", "a tab", absolute(b"a\tb")),
    ("escape", "an escape", absolute(b"a%2eb")),
    ("backslash", "a backslash", absolute(b"a\\b")),
    ("not_ascii", "a name outside ASCII", absolute(b"\xc3\xa4")),
    ("port_empty", "an empty port", absolute(b"a:")),
    ("port_zero", "port 0", absolute(b"a:0")),
    ("port_large", "a port above 65535", absolute(b"a:65536")),
    ("port_sign", "a port with a sign", absolute(b"a:+80")),
    ("port_zeros", "a port with leading zeros", absolute(b"a:080")),
    ("two_ports", "two ports", absolute(b"a:80:80")),
    ("port_alone", "a port alone", absolute(b":80")),
    ("literal_open", "an address literal that does not end", absolute(b"[::1")),
    ("literal_bad", "an address literal that is none", absolute(b"[::g]")),
    ("literal_zone", "an address literal with a zone", absolute(b"[fe80::1%25eth0]")),
    ("empty_label", "an empty label", absolute(b"a..b")),
    ("long", "a host of 300 bytes", absolute(b"a" * 300)),
    ("one_slash", "a scheme with one slash", line(b"GET http:/a/x HTTP/1.1")),
    ("no_slashes", "a scheme without slashes", line(b"GET http:a/x HTTP/1.1")),
    ("no_scheme", "an authority alone", line(b"GET a:80 HTTP/1.1")),
    ("fragment", "a fragment in an absolute target", line(b"GET http://a/x#y HTTP/1.1")),
], refuse)

group.table("h1.request_line", [
    ("two_spaces", "two spaces before the target", line(b"GET  /x HTTP/1.1")),
    ("two_spaces_version", "two spaces before the version", line(b"GET /x  HTTP/1.1")),
    ("leading_space", "a space first", line(b" GET /x HTTP/1.1")),
    ("trailing_space", "a space last", line(b"GET /x HTTP/1.1 ")),
    ("tabs", "tabs between the parts", line(b"GET\t/x\tHTTP/1.1")),
    ("space_in_target", "a space in the target", line(b"GET /x y HTTP/1.1")),
    ("no_version", "no version", line(b"GET /x")),
    ("method_alone", "a method alone", line(b"GET")),
    ("lower_case_version", "the version in lower case", line(b"GET /x http/1.1")),
    ("long_version", "a version with more digits", line(b"GET /x HTTP/1.10")),
    ("version_comma", "a version with a comma", line(b"GET /x HTTP/1,1")),
    ("other_protocol", "another protocol", line(b"GET /x ICY/1.1")),
    ("version_0_9", "HTTP/0.9", line(b"GET /x HTTP/0.9"), 505),
    ("version_1_2", "HTTP/1.2", line(b"GET /x HTTP/1.2"), 505),
    ("version_2_0", "HTTP/2.0", line(b"GET /x HTTP/2.0"), 505),
    ("method_not_token", "a method that is no token", line(b"GE(T /x HTTP/1.1")),
    ("no_slash", "a target without slash", line(b"GET x HTTP/1.1")),
    ("other_scheme", "a target of another scheme", line(b"GET ftp://a/x HTTP/1.1")),
    ("fragment", "a fragment", line(b"GET /x#y HTTP/1.1")),
    ("target_not_ascii", "a target outside ASCII", line(b"GET /\xc3\xa4 HTTP/1.1")),
    ("target_quote", "a quote in the path", line(b'GET /"x HTTP/1.1')),
    ("target_control", "a control byte in the target", line(b"GET /\x01 HTTP/1.1")),
    ("asterisk_get", "an asterisk for GET", line(b"GET * HTTP/1.1")),
    ("two_blank_lines", "two empty lines before the request", b"\r\n\r\n" + GET + END),
    ("tls", "a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
    ("three_spaces", "three spaces", line(b"GET   /x HTTP/1.1")),
    ("tab_before_target", "a tab before the target", line(b"GET\t/x HTTP/1.1")),
    ("tab_before_version", "a tab before the version", line(b"GET /x\tHTTP/1.1")),
    ("tab_behind", "a tab behind the version", line(b"GET /x HTTP/1.1\t")),
    ("space_tab", "a space and a tab", line(b"GET \t/x HTTP/1.1")),
    ("vertical_tab", "a vertical tab in place of a space", line(b"GET\x0b/x HTTP/1.1")),
    ("form_feed", "a form feed in place of a space", line(b"GET /x\x0cHTTP/1.1")),
    ("no_break_space", "a no-break space in place of a space", line(b"GET /x\xa0HTTP/1.1")),
    ("empty_target", "a version where the target belongs", line(b"GET HTTP/1.1")),
    ("no_method", "no method", line(b"/x HTTP/1.1")),
    ("version_3_0", "HTTP/3.0", line(b"GET /x HTTP/3.0"), 505),
    ("version_9_9", "HTTP/9.9", line(b"GET /x HTTP/9.9"), 505),
    ("version_0_0", "HTTP/0.0", line(b"GET /x HTTP/0.0"), 505),
    ("version_short", "a version without minor number", line(b"GET /x HTTP/1")),
    ("version_no_digits", "a version of letters", line(b"GET /x HTTP/x.y")),
    ("version_long_major", "a version with two digits in front", line(b"GET /x HTTP/11.1")),
    ("version_minus", "a version with a sign", line(b"GET /x HTTP/-1.1")),
    ("version_behind", "bytes behind the version", line(b"GET /x HTTP/1.1x")),
    ("preface", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
], refuse)


def refuse_path(world, request):
    """Where the request ends is beyond doubt: the connection goes on, or is closed with an announcement."""
    before = len(world.origin.requests)
    for delivery in deliveries(request):
        with within(delivery.name):
            client = world.client()
            client.send_pieces(delivery.pieces(request))
            response = client.response()
            expect_own_reply(response, 400)
            if response.fields.has("Connection"):
                client.expect_end()
            else:
                equal(arrived(client.exchange(GET + END))["target"], "/x", "target of the next request")
            client.close()
    equal(len([r for r in world.origin.requests[before:] if r.target != "/x"]), 0, "bad paths that reached the origin")


group.table("h1.path", [
    ("above_root", "climbs out of the root", line(b"GET /../x HTTP/1.1")),
    ("above_root_inner", "climbs out of the root later", line(b"GET /a/../../x HTTP/1.1")),
    ("above_root_escaped", "climbs out of the root, escaped", line(b"GET /%2e%2E/x HTTP/1.1")),
    ("bad_escape", "an escape that is none", line(b"GET /%zz HTTP/1.1")),
    ("short_escape", "an escape that is cut off", line(b"GET /x%2 HTTP/1.1")),
    ("escaped_nul", "an escaped NUL", line(b"GET /x%00 HTTP/1.1")),
    ("escaped_newline", "an escaped line end", line(b"GET /x%0d%0aX-A:1 HTTP/1.1")),
], refuse_path)

group.table("h1.accept", [
    row("blank_line_before", "one empty line before the request", b"\r\n" + GET + END, target="/x"),
    row("other_method", "a method that nobody knows", b"M-SEARCH /x HTTP/1.1\r\nHost: a\r\n\r\n", method="M-SEARCH"),
    row("lower_method", "methods are told apart by case", b"get /x HTTP/1.1\r\nHost: a\r\n\r\n", method="get"),
    row("query", "a query with unusual bytes", b"GET /x?a=b&c[]={d}|e^`\\%zz HTTP/1.1\r\nHost: a\r\n\r\n", target="/x?a=b&c[]={d}|e^`\\%zz"),
    row("empty_query", "an empty query", b"GET /x? HTTP/1.1\r\nHost: a\r\n\r\n", target="/x?"),
    row("absolute", "an absolute target", b"GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", target="/x?y"),
    row("absolute_no_path", "an absolute target without path", b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", target="/"),
    row("absolute_query", "an absolute target with a query alone", b"GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", target="/?q"),
    row("literal", "an address literal with a port", with_host(b"[2001:db8::7]:8080"), target="/x"),
    row("port_largest", "the largest port", with_host(b"a:65535"), target="/x"),
    row("host_longest", "the longest host", with_host(b".".join([b"a" * 63] * 3 + [b"a" * 61])), target="/x"),
    row("secure", "an absolute target of https", b"GET https://a/x HTTP/1.1\r\nHost: a\r\n\r\n", target="/x"),
    row("scheme_upper", "an absolute target whose scheme is in upper case", b"GET HTTP://a/x HTTP/1.1\r\nHost: a\r\n\r\n", target="/x"),
    row("value_of_spaces", "a value of white space alone", GET + b"X-A: \t \r\n" + END, target="/x"),
], accept_row)


def accept_field(world, field, name, values):
    request = GET + field + b"\r\n\r\n"
    for delivery in deliveries(request):
        with within(delivery.name):
            client = world.client()
            client.send_pieces(delivery.pieces(request))
            told = arrived(client.response())
            equal([value for other, value in told["fields"] if other == name], values, name)
            client.close()


group.table("h1.accept.field", [
    ("no_space", "no white space before a value", b"X-A:1", "X-A", ["1"]),
    ("white_space", "white space around a value", b"X-A: \t 1 2 \t ", "X-A", ["1 2"]),
    ("empty", "an empty value", b"X-A:", "X-A", [""]),
    ("tab_inside", "a tab in a value", b"X-A: 1\t2", "X-A", ["1\t2"]),
    ("obs_text", "bytes above ASCII in a value", b"X-A: caf\xe9", "X-A", ["caf\xe9"]),
    ("repeated", "the same name twice, in order", b"X-A: 1\r\nX-B: 2\r\nX-A: 3", "X-A", ["1", "3"]),
    ("odd_name", "every byte that a name may have", b"!#$%&'*+-.^_`|~09azAZ: 1", "!#$%&'*+-.^_`|~09azAZ", ["1"]),
    ("colons", "colons in a value", b"X-A: a:b::c", "X-A", ["a:b::c"]),
], accept_field)


@group.case("h1.host.absolute_wins", "the authority of an absolute target replaces Host")
def absolute_wins(world):
    for response, _ in in_every_way(world, b"GET http://b.example:8080/x HTTP/1.1\r\nHost: a\r\n\r\n"):
        equal([value for name, value in arrived(response)["fields"] if name == "Host"], ["b.example:8080"], "Host")


@group.case("h1.host.http_1_0_without", "HTTP/1.0 without Host is answered")
def http_1_0_without_host(world):
    client = world.client()
    response = client.exchange(b"GET /x HTTP/1.0\r\n\r\n", version="HTTP/1.0")
    equal(response.status, 200, "status")
    client.expect_end()


@group.case("h1.request.connect", "CONNECT is refused and reaches nobody")
def connect_refused(world):
    before = len(world.origin.requests)
    for response, client in in_every_way(world, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"):
        require(response.status in (400, 405, 501), f"status {response.status}")
        client.expect_end()
    equal(len(world.origin.requests), before, "requests that reached the origin")


@group.case("h1.request.trace", "TRACE is refused and reaches nobody")
def trace_refused(world):
    before = len(world.origin.requests)
    for response, _ in in_every_way(world, b"TRACE /x HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n"):
        equal(response.status, 501, "status")
        require(b"secret" not in response.body, "the reply shows what was sent")
    equal(len(world.origin.requests), before, "requests that reached the origin")


@group.case("h1.request.options_asterisk", "OPTIONS about the server goes on in asterisk-form, in which of its two forms it came, and its answer comes back")
def options_asterisk(world):
    for target in (b"*", b"http://a", b"HTTP://a:80"):
        for response, _ in in_every_way(world, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"):
            equal(arrived(response)["target"], "*", "target at the origin")
    for target, path in ((b"http://a/", "/"), (b"http://a?x", "/?x")):
        for response, _ in in_every_way(world, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"):
            equal(arrived(response)["target"], path, "target at the origin")
