#include <cerrno>
#include <cstring>

#include "files.hpp"
#include "pipes.hpp"
#include "ring.hpp"
#include "runtime/kernel.hpp"
#include "sockets.hpp"
#include "world.hpp"

// The functions of runtime/kernel.hpp, answered by the current World.
namespace sluice::runtime::kernel {

namespace {

using fault::Address;
using fault::Call;
using fault::File;
using fault::Socket;
using fault::Stage;
using fault::World;

// The -errno to return instead of doing anything; 0: go on.
int planned_failure(Call call) {
  auto fault = World::current().event(call, Stage::call);
  return fault ? -fault->error : 0;
}

std::shared_ptr<fault::Ring> ring_of(const io_uring& ring) {
  return World::current().file<fault::Ring>(ring.ring_fd, "a ring call");
}

// Runs `work` on the socket behind `fd`, unless the plan has the call fail.
template <class Work>
int with_socket(Call call, int fd, Work work) {
  if (int error = planned_failure(call); error != 0) return error;
  auto file = World::current().file(fd, to_string(call));
  if (file == nullptr) return -EBADF;
  auto* socket = dynamic_cast<Socket*>(file.get());
  return socket == nullptr ? -ENOTSOCK : work(*socket);
}

void copy_address(const Address& from, sockaddr* address, socklen_t& size) {
  std::memcpy(address, from.data(), std::min(size, from.size()));
  size = from.size();
}

}  // namespace

int ring_open(io_uring& ring, const RingOptions& options) noexcept {
  World& world = World::current();
  if (int error = planned_failure(Call::ring_open); error != 0) return error;
  unsigned completions = options.completion_entries != 0 ? options.completion_entries : 2 * options.submission_entries;
  completions = std::min(completions, world.plan().completion_entries_max);
  auto opened = std::make_shared<fault::Ring>(world, options.submission_entries, completions);
  int fd = world.descriptors().add(opened);
  if (fd < 0) return fd;
  opened->map(ring, fd);
  return 0;
}

void ring_close(io_uring& ring) noexcept {
  World& world = World::current();
  auto opened = ring_of(ring);
  if (opened == nullptr) return;
  if (world.checks_lifetimes)
    world.expect_zero("operations in flight on a closed ring", opened->operations_in_flight());
  (void)world.close_descriptor(ring.ring_fd);
}

int ring_enter(io_uring& ring, unsigned wait_count, Duration timeout, Duration min_wait) noexcept {
  World::current().expect(min_wait.count() == 0, "ring_enter with min_wait, which this kernel does not have");
  auto opened = ring_of(ring);
  return opened == nullptr ? -EBADF : opened->enter(ring, wait_count, timeout);
}

int buffer_ring_open(io_uring& ring, unsigned entries, int group, io_uring_buf_ring*& out) noexcept {
  if (int error = planned_failure(Call::buffer_ring_open); error != 0) return error;
  auto opened = ring_of(ring);
  return opened == nullptr ? -EBADF : opened->add_buffers(entries, group, out);
}

void buffer_ring_close(io_uring& ring, unsigned, int group, io_uring_buf_ring* buffers) noexcept {
  auto opened = ring_of(ring);
  if (opened == nullptr) return;
  World::current().expect(opened->remove_buffers(group, buffers), "buffer_ring_close of an open buffer ring");
}

Instant now() noexcept { return World::current().now(); }

std::int64_t wall_clock_ms() noexcept {
  constexpr std::int64_t start_ms = 1'700'000'000'000;
  return start_ms + World::current().now().ns() / 1'000'000;
}

std::uint64_t random_seed() noexcept { return World::current().kernel_random().next(); }

int socket(int domain, int type) noexcept {
  World& world = World::current();
  if (int error = planned_failure(Call::socket); error != 0) return error;
  if ((type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != SOCK_STREAM) return -EPROTONOSUPPORT;
  auto opened = std::make_shared<Socket>(world.network(), domain);
  opened->is_nonblocking = (type & SOCK_NONBLOCK) != 0;
  return world.descriptors().add(std::move(opened));
}

int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  return with_socket(Call::bind, fd, [&](Socket& it) { return it.bind(Address::from(address, size)); });
}

int listen(int fd, int backlog) noexcept {
  return with_socket(Call::listen, fd, [&](Socket& it) { return it.listen(backlog); });
}

int accept(int fd) noexcept {
  return with_socket(Call::accept, fd, [](Socket& it) {
    World& world = World::current();
    if (it.state() != Socket::State::listening) return -EINVAL;
    if (world.descriptors().is_full()) return -EMFILE;
    auto accepted = it.take_accepted();
    if (accepted == nullptr) return -EAGAIN;
    accepted->is_nonblocking = true;
    return world.descriptors().add(std::move(accepted));
  });
}

int set_option(int fd, int level, int name, int value) noexcept {
  return with_socket(Call::set_option, fd, [&](Socket& it) { return it.set_option(level, name, value); });
}

std::string_view congestion_control(int fd, std::span<char, congestion_control_bytes> memory) noexcept {
  std::size_t size = 0;
  const int result = with_socket(Call::get_option, fd, [&](Socket& it) {
    size = it.congestion_control().copy(memory.data(), memory.size());
    return 0;
  });
  return {memory.data(), result < 0 ? 0 : size};
}

int set_congestion_control(int fd, std::string_view name) noexcept {
  return with_socket(Call::set_option, fd, [&](Socket& it) { return it.set_congestion_control(name); });
}

int reset_on_close(int fd) noexcept {
  return with_socket(Call::reset_on_close, fd, [](Socket& it) {
    it.set_reset_on_close();
    return 0;
  });
}

int get_option(int fd, int level, int name, int& value) noexcept {
  return with_socket(Call::get_option, fd, [&](Socket& it) { return it.get_option(level, name, value); });
}

int local_address(int fd, sockaddr* address, socklen_t& size) noexcept {
  return with_socket(Call::local_address, fd, [&](Socket& it) {
    copy_address(it.local(), address, size);
    return 0;
  });
}

int peer_address(int fd, sockaddr* address, socklen_t& size) noexcept {
  return with_socket(Call::peer_address, fd, [&](Socket& it) {
    if (it.state() != Socket::State::connected) return -ENOTCONN;
    copy_address(it.remote(), address, size);
    return 0;
  });
}

int shutdown(int fd, int how) noexcept {
  return with_socket(Call::shutdown, fd, [&](Socket& it) { return it.shutdown(how); });
}

long send(int fd, const void* bytes, std::size_t size, int) noexcept {
  World& world = World::current();
  auto target = world.file<Socket>(fd, "send");
  if (target == nullptr) return -EBADF;
  auto fault = world.event(Call::send, Stage::call, {.bytes = size});
  if (fault && fault->kind == fault::FaultKind::fail) {
    if (fault->error == ECONNRESET || fault->error == ETIMEDOUT || fault->error == EPIPE) target->die(0);
    return -fault->error;
  }
  if (fault && fault->kind == fault::FaultKind::short_one) size = 1;
  if (fault && fault->kind == fault::FaultKind::short_half) size /= 2;
  long room = target->write_room();
  if (room < 0) return room;
  size = std::min(size, static_cast<std::size_t>(room));
  target->write({static_cast<const char*>(bytes), size});
  world.note_progress();
  return static_cast<long>(size);
}

int pipe(int (&ends)[2]) noexcept {
  fault::Descriptors& descriptors = World::current().descriptors();
  if (int error = planned_failure(Call::pipe); error != 0) return error;
  auto pipe = std::make_shared<fault::Pipe>();
  auto reader = std::make_shared<fault::PipeEnd>(pipe, true);
  auto writer = std::make_shared<fault::PipeEnd>(pipe, false);
  reader->set_opposite(writer);
  writer->set_opposite(reader);
  reader->is_nonblocking = writer->is_nonblocking = true;
  int read_end = descriptors.add(std::move(reader));
  if (read_end < 0) return read_end;
  int write_end = descriptors.add(std::move(writer));
  if (write_end < 0) {
    (void)descriptors.remove(read_end);
    return write_end;
  }
  ends[0] = read_end;
  ends[1] = write_end;
  return 0;
}

int set_pipe_size(int fd, int bytes) noexcept {
  if (int error = planned_failure(Call::set_pipe_size); error != 0) return error;
  auto file = World::current().file<fault::PipeEnd>(fd, "set_pipe_size");
  return file == nullptr ? -EBADF : file->pipe().resize(bytes);
}

int pipe_size(int fd) noexcept {
  auto file = World::current().file<fault::PipeEnd>(fd, "pipe_size");
  return file == nullptr ? -EBADF : static_cast<int>(file->pipe().capacity());
}

long splice(int from, int to, std::size_t bytes) noexcept {
  World& world = World::current();
  auto source = world.file(from, "splice");
  auto target = world.file(to, "splice");
  if (source == nullptr || target == nullptr) return -EBADF;
  auto* source_socket = dynamic_cast<Socket*>(source.get());
  auto* target_socket = dynamic_cast<Socket*>(target.get());
  // SPLICE_F_NONBLOCK is about the pipe: a blocking socket blocks the thread.
  world.expect(source->is_nonblocking && target->is_nonblocking, "splice between non-blocking files");
  auto fault = world.event(Call::splice, Stage::call,
                           {.bytes = spliceable(*source, *target, bytes),
                            .reads_socket = source_socket != nullptr,
                            .writes_socket = target_socket != nullptr});
  if (fault && fault->kind == fault::FaultKind::fail) {
    Socket* dying = source_socket != nullptr ? source_socket : target_socket;
    bool is_dead = fault->error == ECONNRESET || fault->error == ETIMEDOUT || fault->error == EPIPE;
    if (dying != nullptr && is_dead) dying->die(0);
    return -fault->error;
  }
  if (fault && fault->kind == fault::FaultKind::short_one) bytes = 1;
  if (fault && fault->kind == fault::FaultKind::short_half) bytes = spliceable(*source, *target, bytes) / 2;
  return splice_files(*source, *target, bytes);
}

int event_open() noexcept {
  if (int error = planned_failure(Call::event_open); error != 0) return error;
  auto opened = std::make_shared<fault::EventCounter>();
  opened->is_nonblocking = true;
  return World::current().descriptors().add(std::move(opened));
}

int event_signal(int fd) noexcept {
  int error = planned_failure(Call::event_signal);
  auto counter = World::current().file<fault::EventCounter>(fd, "event_signal");
  if (counter == nullptr) return -EBADF;
  // EAGAIN means that the counter is at its end: whoever reads it is woken all the same.
  counter->add(1);
  World::current().note_progress();
  return error;
}

void close(int fd) noexcept { (void)World::current().close_descriptor(fd); }

}  // namespace sluice::runtime::kernel
