"""Messages that could be understood in two ways are refused, however they arrive; what is only unusual is understood."""

from check import equal, within
from delivery import deliveries
from harness import Group, configuration
from replies import arrived, echo, expect_own_reply
from strictness import CHUNKED, END, FAR_APART, GET, POST, World, accept_row, in_every_way, refuse, row


def framing(bench):
    return World(bench)


group = Group(framing)

# A chunk's line, size and CRLF included, may have 256 bytes.
LONGEST_EXTENSION = b";" + b"e" * (256 - len(b"5;\r\n"))


def length(value):
    return POST + b"Content-Length: " + value + b"\r\n\r\nhello"


def coding(value, version=b"HTTP/1.1"):
    return POST.replace(b"HTTP/1.1", version) + b"Transfer-Encoding: " + value + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


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
    ("cl_te_far", "Content-Length and Transfer-Encoding with sixty fields between them",
     POST + b"Content-Length: 5\r\n" + FAR_APART + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("cl_te_case", "both, in unusual case", POST + b"cOnTeNt-LeNgTh: 5\r\ntRaNsFeR-eNcOdInG: cHuNkEd\r\n\r\n0\r\n\r\n"),
    ("cl_te_gzip", "Content-Length with a coding that nobody knows", POST + b"Content-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\nhello"),
    ("cl_te_empty", "Content-Length with an empty Transfer-Encoding", POST + b"Content-Length: 5\r\nTransfer-Encoding:\r\n\r\nhello"),
    ("cl_te_http_1_0", "both in HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("cl_twice_case", "Content-Length twice in different case", POST + b"content-length: 5\r\nCONTENT-LENGTH: 5\r\n\r\nhello"),
    ("cl_twice_far", "different ones with sixty fields between them",
     POST + b"Content-Length: 5\r\n" + FAR_APART + b"Content-Length: 0\r\n\r\nhello"),
    ("cl_three", "Content-Length three times", POST + b"Content-Length: 5\r\n" * 3 + b"\r\nhello"),
    ("cl_list_differs", "Content-Length as a list of different numbers", length(b"5, 6")),
    ("cl_list_end", "Content-Length with a comma behind it", length(b"5,")),
    ("cl_list_front", "Content-Length with a comma before it", length(b",5")),
    ("cl_octal", "a length with a letter within", length(b"0o5")),
    ("cl_separator", "digits with a separator", length(b"1_0")),
    ("cl_exponent", "a length with an exponent", length(b"5e0")),
    ("cl_quoted", "a length in quotes", length(b'"5"')),
    ("cl_semicolon", "a length with a parameter", length(b"5;q=1")),
    ("cl_foreign_digit", "a digit of another script", length(b"\xd9\xa5")),
    ("cl_signed_zero", "a negative zero", length(b"-0")),
    ("cl_max_unsigned", "the largest number of 64 bits", length(b"18446744073709551615")),
    ("cl_one_above", "one more than 64 bits hold", length(b"18446744073709551616")),
    ("te_comma_behind", "chunked with a comma behind it", coding(b"chunked,")),
    ("te_space_inside", "chunked with a space inside", coding(b"chu nked")),
    ("te_half", "a coding that chunked begins with", coding(b"chunke"), 501),
    ("te_longer", "a coding that begins with chunked", coding(b"chunkedx"), 501),
    ("te_known_line", "a known coding in a line before chunked", POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ("te_late_line", "an unknown coding in a line behind chunked", POST + b"Transfer-Encoding: chunked\r\nX-A: 1\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"),
    ("te_slash", "chunked that is no token", coding(b"chunked/1")),
    ("te_upper_twice", "chunked twice, once in upper case", coding(b"CHUNKED, chunked")),
    ("te_http_1_0_keep_alive", "Transfer-Encoding in HTTP/1.0 that keeps its connection",
     b"POST /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("te_http_1_0_unknown", "an unknown coding in HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ("te_http_1_0_get", "Transfer-Encoding in HTTP/1.0 without a body", b"GET /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
], refuse)

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
    ("size_missing_extension", "an extension without a size", CHUNKED + b";a\r\n\r\n"),
    ("size_cr_byte", "CR and another byte in place of a line end", CHUNKED + b"5\rXhello\r\n0\r\n\r\n"),
    ("size_cr_byte_last", "the same behind the last size", CHUNKED + b"5\r\nhello\r\n0\rX\r\n"),
    ("size_nul", "NUL behind the size", CHUNKED + b"5\x00\r\nhello\r\n0\r\n\r\n"),
    ("size_tab", "a tab behind the size", CHUNKED + b"5\t\r\nhello\r\n0\r\n\r\n"),
    ("size_comma", "a comma behind the size", CHUNKED + b"5,\r\nhello\r\n0\r\n\r\n"),
    ("size_two", "two sizes", CHUNKED + b"5 5\r\nhello\r\n0\r\n\r\n"),
    ("size_quoted", "a size in quotes", CHUNKED + b'"5"\r\nhello\r\n0\r\n\r\n'),
    ("size_foreign_digit", "a digit of another script", CHUNKED + b"\xd9\xa5\r\nhello\r\n0\r\n\r\n"),
    ("size_max_unsigned", "the largest size of 64 bits", CHUNKED + b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("size_one_above", "one more than 64 bits hold", CHUNKED + b"10000000000000000\r\n\r\n"),
    ("size_later", "a bad size behind a good chunk", CHUNKED + b"5\r\nhello\r\nx\r\n\r\n"),
    ("size_later_wraps", "a later size that wraps 64 bits", CHUNKED + b"5\r\nhello\r\n10000000000000000\r\n\r\n"),
    ("size_cr_cr", "CR CR LF behind the size", CHUNKED + b"5\r\r\nhello\r\n0\r\n\r\n"),
    ("size_lf_cr", "LF CR behind the size", CHUNKED + b"5\n\rhello\r\n0\r\n\r\n"),
    ("size_lf_last", "LF alone behind the last size", CHUNKED + b"5\r\nhello\r\n0\n\r\n"),
    ("size_lf_later", "LF alone behind a later size", CHUNKED + b"5\r\nhello\r\n6\n world\r\n0\r\n\r\n"),
    ("data_end_byte", "another byte and LF behind the data", CHUNKED + b"5\r\nhelloX\n0\r\n\r\n"),
    ("data_end_lf_lf", "LF twice behind the data", CHUNKED + b"5\r\nhello\n\n0\r\n\r\n"),
    ("data_end_cr", "CR alone behind the data", CHUNKED + b"5\r\nhello\rX0\r\n\r\n"),
    ("data_end_twice", "two line ends behind the data", CHUNKED + b"5\r\nhello\r\n\r\n0\r\n\r\n"),
    ("data_end_lf_cr", "LF CR behind the data", CHUNKED + b"5\r\nhello\n\r0\r\n\r\n"),
    ("data_end_space", "a space behind the data", CHUNKED + b"5\r\nhello \r\n0\r\n\r\n"),
    ("data_end_later", "a later chunk without line end", CHUNKED + b"5\r\nhello\r\n6\r\n world0\r\n\r\n"),
    ("extension_nul", "NUL in an extension", CHUNKED + b"5;a\x00\r\nhello\r\n0\r\n\r\n"),
    ("extension_delete", "DEL in an extension", CHUNKED + b"5;a\x7f\r\nhello\r\n0\r\n\r\n"),
    ("extension_cr", "a bare CR in an extension", CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("extension_cr_byte", "CR and another byte behind an extension", CHUNKED + b"5;a\rXhello\r\n0\r\n\r\n"),
    ("extension_cr_quoted", "a bare CR in a quoted extension", CHUNKED + b'5;a="b\rc"\r\nhello\r\n0\r\n\r\n'),
    ("extension_lf_quoted", "a bare LF in a quoted extension", CHUNKED + b'5;a="b\nc"\r\nhello\r\n0\r\n\r\n'),
    ("extension_escape", "an escape byte in an extension", CHUNKED + b"5;a=\x1b\r\nhello\r\n0\r\n\r\n"),
    ("extension_last", "a control byte in the last chunk's extension", CHUNKED + b"5\r\nhello\r\n0;a=\x01\r\n\r\n"),
    ("extension_lf_last", "LF behind the last chunk's extension", CHUNKED + b"5\r\nhello\r\n0;a\n\r\n"),
    ("extension_one_above", "an extension one byte too long", CHUNKED + b"5" + LONGEST_EXTENSION + b"e\r\nhello\r\n0\r\n\r\n"),
    ("extension_long_later", "an oversized extension of a later chunk", CHUNKED + b"5\r\nhello\r\n1;" + b"a" * 300 + b"\r\n!\r\n0\r\n\r\n"),
    ("extension_long_last", "an oversized extension of the last chunk", CHUNKED + b"5\r\nhello\r\n0;" + b"a" * 300 + b"\r\n\r\n"),
    ("extension_endless", "an extension without end", CHUNKED + b"5;" + b"a" * 3000),
    ("last_cr", "CR alone at the end of the body", CHUNKED + b"5\r\nhello\r\n0\r\n\rX"),
    ("trailer_nul", "NUL in a trailer's name", CHUNKED + b"0\r\nX\x00: 1\r\n\r\n"),
    ("trailer_cr", "a bare CR in a trailer", CHUNKED + b"0\r\nX-A: a\rb\r\n\r\n"),
    ("trailer_end_cr", "CR alone at the end of the trailers", CHUNKED + b"0\r\nX-A: 1\r\n\rX"),
], refuse)

group.table("h1.accept", [
    row("plain", "a plain request", GET + END, method="GET", target="/x", body="", framing="none"),
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
    row("http_1_0", "HTTP/1.0", b"GET /x HTTP/1.0\r\nHost: a\r\n\r\n", target="/x"),
    row("http_1_0_body", "HTTP/1.0 with a body", b"POST /x HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", body="hello"),
    row("length_zeros", "a length with leading zeros", length(b"0005"), body="hello", framing="length"),
    row("extension_longest", "the longest extension", CHUNKED + b"5" + LONGEST_EXTENSION + b"\r\nhello\r\n0\r\n\r\n", body="hello"),
    row("extensions_many", "the longest extension on every chunk",
        CHUNKED + (b"5" + LONGEST_EXTENSION + b"\r\nhello\r\n") * 4 + b"0" + LONGEST_EXTENSION + b"\r\n\r\n", body="hello" * 4),
    row("extension_bytes", "tabs, quotes and bytes above ASCII in an extension", CHUNKED + b'5;\ta="\xc3\xa4; \\" "\r\nhello\r\n0\r\n\r\n', body="hello"),
    row("chunk_size_longest", "a size with as many zeros as fit", CHUNKED + b"0" * 253 + b"5\r\nhello\r\n0\r\n\r\n", body="hello"),
], accept_row)


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
