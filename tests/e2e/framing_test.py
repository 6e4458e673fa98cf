"""Requests that could be understood in two ways are refused, however they arrive; what is only unusual is understood."""

from check import equal, require, within
from delivery import deliveries
from harness import Group, configuration
from replies import arrived, echo, expect_own_reply


class World:
    """One proxy in front of an origin that tells what reached it."""

    def __init__(self, bench):
        self.bench = bench
        self.origin = bench.scripted().serve(echo)
        self.proxy = bench.proxy(configuration(self.origin.address))
        self.count = 0

    def client(self):
        return self.bench.client(self.proxy)


def framing(bench):
    return World(bench)


group = Group(framing)

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"\r\n"


def in_every_way(world, request):
    """The response to each delivery, with the client's connection."""
    for delivery in deliveries(request):
        client = world.client()
        client.send_pieces(delivery.pieces(request))
        with within(delivery.name):
            response = client.response()
        yield response, client
        client.close()


def refuse(world, request, status=400, ways=deliveries):
    """The answer is readable although more bytes may have come, the connection ends, and the origin hears of no whole request."""
    before = len(world.origin.requests)
    for delivery in ways(request):
        with within(delivery.name):
            client = world.client()
            client.send_pieces(delivery.pieces(request))
            response = client.response()
            expect_own_reply(response, status)
            equal(response.fields.elements("Connection"), ["close"], "Connection of the reply")
            client.expect_end()
            client.close()
    equal(len(world.origin.requests), before, "requests that reached the origin")


group.table("h1.framing", [
    ("cl_te", "Content-Length before Transfer-Encoding", POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("te_cl", "Transfer-Encoding before Content-Length", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    ("te_cl_zero", "Transfer-Encoding with a length of zero", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"),
    ("cl_twice", "Content-Length twice, the same", POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    ("cl_differs", "Content-Length twice, different", POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    ("cl_list", "Content-Length as a list", POST + b"Content-Length: 5, 5\r\n\r\nhello"),
    ("cl_plus", "Content-Length with a plus", POST + b"Content-Length: +5\r\n\r\nhello"),
    ("cl_minus", "negative Content-Length", POST + b"Content-Length: -5\r\n\r\nhello"),
    ("cl_hex", "hexadecimal Content-Length", POST + b"Content-Length: 0x5\r\n\r\nhello"),
    ("cl_letters", "Content-Length that begins with digits", POST + b"Content-Length: 5a\r\n\r\nhello"),
    ("cl_inner_space", "Content-Length of two numbers", POST + b"Content-Length: 5 5\r\n\r\nhello"),
    ("cl_fraction", "Content-Length with a fraction", POST + b"Content-Length: 5.0\r\n\r\nhello"),
    ("cl_empty", "empty Content-Length", POST + b"Content-Length: \r\n\r\nhello"),
    ("cl_above_signed", "Content-Length above 63 bits", POST + b"Content-Length: 9223372036854775808\r\n\r\nhello"),
    ("cl_wraps", "Content-Length that wraps 64 bits", POST + b"Content-Length: 18446744073709551621\r\n\r\nhello"),
    ("cl_long", "Content-Length of a hundred digits", POST + b"Content-Length: " + b"9" * 100 + b"\r\n\r\nhello"),
    ("te_unknown", "an unknown coding alone", POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    ("te_unknown_chunked", "an unknown coding before chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("te_identity", "the coding identity", POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    ("te_xchunked", "a coding whose name ends in chunked", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    ("te_chunked_gzip", "chunked that is not last", POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ("te_chunked_twice", "chunked twice in one line", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("te_two_lines", "chunked in two lines", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("te_identity_line", "identity in a line of its own", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    ("te_parameter", "chunked with a parameter", POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    ("te_quoted", "chunked in quotes", POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    ("te_empty", "empty Transfer-Encoding", POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    ("te_empty_element", "chunked behind an empty element", POST + b"Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n"),
    ("te_vertical_tab", "chunked behind a vertical tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("te_http_1_0", "Transfer-Encoding in HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
], refuse)

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
], refuse)


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
], refuse)


def line(text):
    return text + b"\r\nHost: a\r\n\r\n"


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

group.table("h1.chunked", [
    ("size_missing", "no size", CHUNKED + b"\r\nhello\r\n0\r\n\r\n"),
    ("size_letters", "a size that is not hexadecimal", CHUNKED + b"g\r\nhello\r\n0\r\n\r\n"),
    ("size_prefix", "a size with 0x", CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("size_minus", "a negative size", CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n"),
    ("size_plus", "a size with a plus", CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n"),
    ("size_space_before", "a space before the size", CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n"),
    ("size_space_behind", "a space behind the size", CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n"),
    ("size_wraps", "a size that wraps 64 bits", CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("size_signed", "a size above 63 bits", CHUNKED + b"8000000000000000\r\nhello\r\n0\r\n\r\n"),
    ("size_lf", "LF alone behind the size", CHUNKED + b"5\nhello\r\n0\r\n\r\n"),
    ("size_cr", "CR alone behind the size", CHUNKED + b"5\rhello\r\n0\r\n\r\n"),
    ("data_end_missing", "data without line end", CHUNKED + b"5\r\nhello0\r\n\r\n"),
    ("data_end_lf", "LF alone behind the data", CHUNKED + b"5\r\nhello\n0\r\n\r\n"),
    ("data_too_long", "more data than announced", CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n"),
    ("extension_control", "a control byte in an extension", CHUNKED + b"5;a=\x01\r\nhello\r\n0\r\n\r\n"),
    ("extension_lf", "LF in an extension", CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    ("extension_long", "an oversized extension", CHUNKED + b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n"),
    ("size_zeros", "a size of a thousand zeros", CHUNKED + b"0" * 1000 + b"5\r\nhello\r\n0\r\n\r\n"),
    ("last_lf", "the body ends in LF alone", CHUNKED + b"5\r\nhello\r\n0\r\n\n"),
    ("trailer_lf", "a trailer ends in LF alone", CHUNKED + b"5\r\nhello\r\n0\r\nX-A: 1\n\r\n"),
    ("trailer_no_colon", "a trailer without colon", CHUNKED + b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n"),
    ("trailer_fold", "a folded trailer", CHUNKED + b"5\r\nhello\r\n0\r\nX-A: 1\r\n 2\r\n\r\n"),
    ("trailer_space", "a space before the colon of a trailer", CHUNKED + b"5\r\nhello\r\n0\r\nX-A : 1\r\n\r\n"),
    ("trailer_control", "a control byte in a trailer", CHUNKED + b"5\r\nhello\r\n0\r\nX-A: \x00\r\n\r\n"),
    ("trailer_large", "a trailer section above its limit", CHUNKED + b"5\r\nhello\r\n0\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n", 431),
], refuse)


def accept(world, request, **expected):
    """It reaches the origin as expected; a second request behind it proves that both ends agree on where it ended."""
    behind = b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n"
    version = "HTTP/1.0" if b" HTTP/1.0\r\n" in request else "HTTP/1.1"
    for delivery in deliveries(request):
        with within(delivery.name):
            client = world.client()
            client.send_pieces(delivery.pieces(request))
            told = arrived(client.response(request.lstrip().split(b" ")[0].decode(), version))
            for name, value in expected.items():
                equal(told[name], value, name)
            if version == "HTTP/1.1":
                client.send(behind)
                equal(arrived(client.response())["target"], "/behind", "target of the next request")
            else:
                client.expect_end()
            client.close()


def accept_field(world, field, name, values):
    request = GET + field + b"\r\n\r\n"
    for delivery in deliveries(request):
        with within(delivery.name):
            client = world.client()
            client.send_pieces(delivery.pieces(request))
            told = arrived(client.response())
            equal([value for other, value in told["fields"] if other == name], values, name)
            client.close()


def row(name, title, request, **expected):
    return name, title, request, expected


group.table("h1.accept", [
    row("plain", "a plain request", GET + END, method="GET", target="/x", body="", framing="none"),
    row("blank_line_before", "one empty line before the request", b"\r\n" + GET + END, target="/x"),
    row("length", "a body of a length", POST + b"Content-Length: 5\r\n\r\nhello", body="hello", framing="length"),
    row("length_zero", "a length of zero", POST + b"Content-Length: 0\r\n\r\n", body=""),
    row("length_spaces", "white space around the length", POST + b"Content-Length: \t 5 \t\r\n\r\nhello", body="hello"),
    row("no_body", "POST without a body", POST + END, method="POST", body="", framing="none"),
    row("get_body", "GET with a body", GET + b"Content-Length: 5\r\n\r\nhello", method="GET", body="hello"),
    row("body_like_request", "a body that looks like a request", POST + b"Content-Length: %d\r\n\r\n" % len(GET + END) + GET + END,
        body=(GET + END).decode()),
    row("chunked", "a chunked body", CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", body="hello world", framing="chunked"),
    row("chunked_empty", "an empty chunked body", CHUNKED + b"0\r\n\r\n", body="", framing="chunked"),
    row("chunked_upper", "the coding in upper case", POST + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n", body="hello"),
    row("chunk_zeros", "zeros before the size", CHUNKED + b"0005\r\nhello\r\n000\r\n\r\n", body="hello"),
    row("chunk_hex", "sizes in both cases", CHUNKED + b"A\r\n0123456789\r\nb\r\nabcdefghijk\r\n0\r\n\r\n", body="0123456789abcdefghijk"),
    row("chunk_extension", "extensions", CHUNKED + b'5;a;b="c d"\r\nhello\r\n0;last\r\n\r\n', body="hello"),
    row("chunk_extension_space", "white space before an extension", CHUNKED + b"5 ;a\r\nhello\r\n0\r\n\r\n", body="hello"),
    row("trailers", "trailers", CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n", body="hello", trailers=[("X-Sum", "1"), ("X-Sum", "2")]),
    row("trailers_dropped", "trailers that steer a message are left out",
        CHUNKED + b"0\r\nContent-Length: 5\r\nHost: b\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n", trailers=[("X-A", "1")]),
    row("chunk_crlf_data", "data that looks like framing", CHUNKED + b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", body="\r\n0\r\n\r\n"),
    row("other_method", "a method that nobody knows", b"M-SEARCH /x HTTP/1.1\r\nHost: a\r\n\r\n", method="M-SEARCH"),
    row("lower_method", "methods are told apart by case", b"get /x HTTP/1.1\r\nHost: a\r\n\r\n", method="get"),
    row("query", "a query with unusual bytes", b"GET /x?a=b&c[]={d}|e^`\\%zz HTTP/1.1\r\nHost: a\r\n\r\n", target="/x?a=b&c[]={d}|e^`\\%zz"),
    row("empty_query", "an empty query", b"GET /x? HTTP/1.1\r\nHost: a\r\n\r\n", target="/x?"),
    row("absolute", "an absolute target", b"GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", target="/x?y"),
    row("absolute_no_path", "an absolute target without path", b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", target="/"),
    row("absolute_query", "an absolute target with a query alone", b"GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", target="/?q"),
    row("http_1_0", "HTTP/1.0", b"GET /x HTTP/1.0\r\nHost: a\r\n\r\n", target="/x"),
    row("http_1_0_body", "HTTP/1.0 with a body", b"POST /x HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", body="hello"),
], lambda world, request, expected: accept(world, request, **expected))

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


@group.case("h1.framing.smuggle_behind", "what follows a refused request on its connection is never served")
def nothing_behind(world):
    before = len(world.origin.requests)
    bad = POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    for response, client in in_every_way(world, bad + GET + END):
        expect_own_reply(response, 400)
        client.end_sending()
        client.expect_end()
    equal(len(world.origin.requests), before, "requests that reached the origin")


@group.case("h1.framing.broken_pipelined", "a broken request behind a good one: the good one is answered first")
def broken_behind_good(world):
    request = GET + END + POST + b"Content-Length: x\r\n\r\n"
    for delivery in deliveries(request):
        with within(delivery.name):
            client = world.client()
            client.send_pieces(delivery.pieces(request))
            equal(arrived(client.response())["target"], "/x", "target of the first")
            expect_own_reply(client.response(), 400)
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
        require(response.status in (405, 501), f"status {response.status}")
        require(b"secret" not in response.body, "the reply shows what was sent")
    equal(len(world.origin.requests), before, "requests that reached the origin")


@group.case("h1.request.options_asterisk", "OPTIONS * gets an answer")
def options_asterisk(world):
    for response, _ in in_every_way(world, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"):
        require(response.status in (200, 204, 404), f"status {response.status}")


# RFC 9112 §2.2: old clients put a CRLF behind a body that no length counts; it is no request.

alone = Group()


def extra_crlf(bench, body):
    """The CRLF comes with the body, behind the response, and with the next request."""
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address))
    count = 0
    for name, pieces in (("together", [body + END]), ("alone", [body, END]), ("in the body", [body[:-1], body[-1:] + END])):
        with within(name):
            client = bench.client(proxy)
            client.send_pieces(pieces)
            equal(client.response("POST").status, 200, "status")
            client.wait_taken()
            equal(arrived(client.exchange(GET + END))["method"], "GET", "method of the next request")
            client.send(body)
            equal(client.response("POST").status, 200, "status")
            equal(arrived(client.exchange(END + GET + END))["method"], "GET", "method of a request with the CRLF before it")
            # With nothing but the CRLF behind the last body, the connection just ends.
            client.send_pieces(pieces)
            equal(client.response("POST").status, 200, "status")
            count += 5
            proxy.log_entries(count)
            client.wait_taken()
            client.end_sending()
            client.expect_end()
            equal(len(origin.requests), count, "requests that reached the origin")
    entries = proxy.log_entries(count)
    expected = [("POST", 200), ("GET", 200), ("POST", 200), ("GET", 200), ("POST", 200)] * 3
    equal([(entry["method"], entry["status"]) for entry in entries], expected, "the access log")
    equal(proxy.end_and_count()["requests"], count, "requests that were counted")


alone.table("h1.extra_crlf", [
    ("length", "a CRLF behind a body with a length is no request, and the next one works", POST + b"Content-Length: 5\r\n\r\nhello"),
    ("chunked", "a CRLF behind a chunked body is no request, and the next one works", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"),
], extra_crlf)
