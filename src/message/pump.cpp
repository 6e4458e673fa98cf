#include "message/pump.hpp"

#include "net/splice.hpp"

namespace sluice::message {

using runtime::Task;

namespace {

bool should_splice(BodySource& source, BodySink& sink, const PumpSettings& settings) {
  std::uint64_t ahead = source.payload_remaining();
  return settings.splice_threshold != 0 && ahead >= settings.splice_threshold && source.raw_stream() != nullptr &&
         sink.raw_stream() != nullptr && sink.accepts_raw(ahead);
}

// Writes what the source holds in buffers. True when that was the end of the message's payload run: there is nothing to
// splice.
Task<Result<bool>> drain_buffers(BodySource& source, BodySink& sink) {
  while (std::optional<Result<BodyPiece>> piece = source.try_read()) {
    if (!*piece) co_return std::unexpected(piece->error());
    if (Result<void> written = co_await sink.write((*piece)->data); !written) {
      co_return std::unexpected(written.error());
    }
    if ((*piece)->is_last) co_return true;
  }
  co_return false;
}

// Splices the payload run that lies ahead. True when the message ended meanwhile.
Task<Result<bool>> splice_run(BodySource& source, BodySink& sink, net::Pipe& pipe, const PumpSettings& settings) {
  co_await source.begin_raw();
  Result<bool> ended = co_await drain_buffers(source, sink);
  if (!ended || *ended) co_return ended;
  std::uint64_t run = source.payload_remaining();
  if (run == 0) co_return false;
  if (Result<void> begun = co_await sink.begin_raw(run); !begun) co_return std::unexpected(begun.error());
  net::SpliceOutcome outcome =
      co_await net::splice(*source.raw_stream(), *sink.raw_stream(), run, pipe, settings.idle_timeout);
  source.advance(outcome.moved);
  switch (outcome.end) {
    case net::SpliceOutcome::End::complete:
    case net::SpliceOutcome::End::dry:
      break;
    case net::SpliceOutcome::End::source_ended:
      // Only a body that nothing else delimits may end like this; then read() says so.
      if (run != UINT64_MAX) co_return failure(ErrorCode::closed, source.side());
      break;
    case net::SpliceOutcome::End::source_failed:
      outcome.error.side = source.side();
      co_return std::unexpected(outcome.error);
    case net::SpliceOutcome::End::sink_failed:
      outcome.error.side = sink.side();
      co_return std::unexpected(outcome.error);
  }
  if (Result<void> closed = sink.end_raw(outcome.moved); !closed) co_return std::unexpected(closed.error());
  co_return false;
}

}  // namespace

Task<Result<void>> pump(BodySource& source, BodySink& sink, net::PipePool& pipes, PumpSettings settings) {
  bool has_pipes = true;
  for (;;) {
    if (has_pipes && should_splice(source, sink, settings)) {
      net::Pipe pipe = pipes.take();
      has_pipes = static_cast<bool>(pipe);  // without one, the rest of this body is copied
      if (has_pipes) {
        Result<bool> ended = co_await splice_run(source, sink, pipe, settings);
        if (!ended) co_return std::unexpected(ended.error());
        if (*ended) break;
      }
    }
    std::optional<Result<BodyPiece>> piece = source.try_read();
    if (!piece) {
      // Nothing is held back while we wait.
      if (Result<void> flushed = co_await sink.flush(); !flushed) co_return flushed;
      piece = co_await source.read();
    }
    if (!*piece) co_return std::unexpected(piece->error());
    if (!sink.try_write((*piece)->data)) {
      if (Result<void> written = co_await sink.write((*piece)->data); !written) co_return written;
    }
    if ((*piece)->is_last) break;
  }
  co_return co_await sink.end(source.trailers());
}

}  // namespace sluice::message
