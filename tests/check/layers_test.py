from pathlib import Path

from tree_fixture import TreeTest

import layers


class LayersTest(TreeTest):
    def problems(self, path, line):
        self.write({path: line + "\n"})
        return list(layers.file_problems(self.root, Path(path)))

    def test_allowed(self):
        for path, line in [
            ("src/net/stream.cpp", '#include "net/stream.hpp"'),
            ("src/net/stream.cpp", '#include "runtime/ring.hpp"'),
            ("src/policy/cors.cpp", '#include "sluice/filter.hpp"'),
            ("include/sluice/filter.hpp", '#include "message/message.hpp"'),
            ("src/http/head.cpp", "#include <fmt/format.h>"),
            ("src/http/head.cpp", "#include <chrono>"),
            ("src/net/address.cpp", "#include <sys/socket.h>"),
            ("src/tls/library.cpp", "#include <wolfssl/ssl.h>"),
            ("tests/unit/tls/library_test.cpp", "#include <wolfssl/ssl.h>"),
            ("tests/fault/simulated_kernel.cpp", "#include <liburing.h>"),
            ("tools/floor/relay.cpp", "#include <liburing.h>"),
            ("tools/floor/relay.cpp", '#include "relay.hpp"'),
            ("src/runtime/kernel_linux.cpp", "clock_gettime(CLOCK_MONOTONIC, &now);"),
            ("src/net/stream.cpp", "// clock_gettime(CLOCK_MONOTONIC, &now) would be wrong here"),
        ]:
            with self.subTest(path=path, line=line):
                self.assertEqual(self.problems(path, line), [])

    def test_refused(self):
        for path, line, reason in [
            ("src/net/stream.cpp", '#include "proxy/exchange.hpp"', "may not know proxy"),
            ("src/net/stream.cpp", '  #  include "proxy/exchange.hpp"', "may not know proxy"),
            ("src/http/head.cpp", '#include "runtime/ring.hpp"', "may not know runtime"),
            ("src/upstream/pool.cpp", '#include "sluice/filter.hpp"', "may not know sluice"),
            ("include/sluice/filter.hpp", '#include "policy/cors.hpp"', "may not know policy"),
            ("src/net/stream.cpp", '#include "stream.hpp"', "by its module"),
            ("src/net/stream.cpp", '#include "network/stream.hpp"', "no module has the name"),
            ("src/odd/stream.cpp", '#include "base/error.hpp"', "no known module"),
            ("src/stream.cpp", '#include "base/error.hpp"', "no known module"),
            ("src/net/stream.cpp", "#include <liburing.h>", "belongs to"),
            ("src/net/stream.cpp", "#include <liburing/io_uring.h>", "belongs to"),
            ("src/net/stream.cpp", "#include <linux/io_uring.h>", "belongs to"),
            ("src/app/main.cpp", "#include <mimalloc.h>", "belongs to"),
            ("src/app/main.cpp", "#include <toml++/toml.h>", "belongs to"),
            ("src/net/stream.cpp", "#include <wolfssl/ssl.h>", "belongs to"),
            ("src/net/stream.cpp", "#include <doctest/doctest.h>", "belongs to"),
            ("tools/origin/main.cpp", "#include <wolfssl/ssl.h>", "belongs to"),
            ("src/net/stream.cpp", "#include <boost/asio.hpp>", "does not know"),
            ("src/http/head.cpp", "#include <unistd.h>", "sees no descriptor"),
            ("src/balance/ewma.cpp", "#include <thread>", "sees no descriptor"),
            ("src/route/table.cpp", "#include <sys/socket.h>", "sees no descriptor"),
            ("src/net/stream.cpp", "clock_gettime(CLOCK_MONOTONIC, &now);", "reads a clock"),
            ("src/http/date.cpp", "auto now = std::chrono::system_clock::now();", "reads a clock"),
        ]:
            with self.subTest(path=path, line=line):
                problems = self.problems(path, line)
                self.assertEqual(len(problems), 1, problems)
                self.assertIn(reason, problems[0])

    def test_every_module_folder_has_a_rank(self):
        self.assertEqual(len(layers.RANKS), len(set(layers.RANKS)))
        looked_at, problems = layers.check(self.write({"src/odd/a.cpp": "", "src/base/a.cpp": ""}))
        self.assertEqual((looked_at, len(problems)), (2, 1))
