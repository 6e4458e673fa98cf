#include "proxy/upgrade.hpp"

#include "base/ascii.hpp"

namespace sluice::proxy {

namespace {

// The value of the only Upgrade field; empty where there are several.
std::string_view only_upgrade(const http::FieldList& fields) {
  if (fields.is_repeated(http::FieldId::upgrade)) return {};
  return fields.value_of(http::FieldId::upgrade).value_or(std::string_view());
}

std::string_view find(std::string_view protocol, const std::vector<std::string>& allowed) {
  for (const std::string& candidate : allowed) {
    if (ascii::equals_ignoring_case(protocol, candidate)) return candidate;
  }
  return {};
}

}  // namespace

std::string_view requested_upgrade(const http::RequestHead& request, const std::vector<std::string>& allowed) {
  // `none` in HTTP/1.0 too, and where Connection does not name the field.
  if (request.upgrade == http::Upgrade::none || request.framing.has_body()) return {};
  return find(only_upgrade(request.fields), allowed);
}

bool grants_upgrade(const http::ResponseHead& response, std::string_view requested) {
  if (requested.empty() || response.upgrade == http::Upgrade::none) return false;
  return ascii::equals_ignoring_case(only_upgrade(response.fields), requested);
}

bool names_upgrade(const http::ResponseHead& response, const std::vector<std::string>& allowed) {
  return response.upgrade != http::Upgrade::none && !find(only_upgrade(response.fields), allowed).empty();
}

}  // namespace sluice::proxy
