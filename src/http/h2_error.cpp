#include "http/h2_error.hpp"

namespace sluice::http {

std::string_view to_string(H2Error error) noexcept {
  switch (error) {
    case H2Error::no_error:
      return "no_error";
    case H2Error::protocol_error:
      return "protocol_error";
    case H2Error::internal_error:
      return "internal_error";
    case H2Error::flow_control_error:
      return "flow_control_error";
    case H2Error::settings_timeout:
      return "settings_timeout";
    case H2Error::stream_closed:
      return "stream_closed";
    case H2Error::frame_size_error:
      return "frame_size_error";
    case H2Error::refused_stream:
      return "refused_stream";
    case H2Error::cancel:
      return "cancel";
    case H2Error::compression_error:
      return "compression_error";
    case H2Error::connect_error:
      return "connect_error";
    case H2Error::enhance_your_calm:
      return "enhance_your_calm";
    case H2Error::inadequate_security:
      return "inadequate_security";
    case H2Error::http_1_1_required:
      return "http_1_1_required";
  }
  return "unknown";
}

}  // namespace sluice::http
