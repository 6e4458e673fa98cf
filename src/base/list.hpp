#pragma once

#include "base/assert.hpp"

namespace sluice {

// What: the hook of an intrusive doubly linked list; an object is in at most one list per hook.
// Invariants: either both pointers are null (not linked) or both are set. A linked hook is never destroyed.
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { SLUICE_ASSERT(!is_linked()); }

  [[nodiscard]] bool is_linked() const { return next_ != nullptr; }

  void unlink() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class, auto>
  friend class List;
  ListHook* next_ = nullptr;
  ListHook* previous_ = nullptr;
};

// What: an intrusive list of T through the member `Hook` (a `ListHook T::*`). Owns nothing, allocates nothing.
// Invariants: empty when destroyed.
template <class T, auto Hook>
class List {
 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    SLUICE_ASSERT(is_empty());
    head_.next_ = head_.previous_ = nullptr;
  }

  [[nodiscard]] bool is_empty() const { return head_.next_ == &head_; }
  [[nodiscard]] T* front() const { return is_empty() ? nullptr : owner(head_.next_); }
  [[nodiscard]] T* back() const { return is_empty() ? nullptr : owner(head_.previous_); }

  void push_back(T& item) { insert(head_.previous_, item.*Hook, &head_); }
  void push_front(T& item) { insert(&head_, item.*Hook, head_.next_); }

  T* pop_front() {
    T* item = front();
    if (item != nullptr) (item->*Hook).unlink();
    return item;
  }

  // The one behind `item`, or null. For walks that do not change the list.
  [[nodiscard]] T* next(const T& item) const {
    const ListHook& hook = item.*Hook;
    return hook.next_ == &head_ ? nullptr : owner(hook.next_);
  }

  // Moves everything out of `other` behind what is here.
  void splice_back(List& other) {
    while (T* item = other.pop_front()) push_back(*item);
  }

 private:
  static void insert(ListHook* before, ListHook& hook, ListHook* after) {
    SLUICE_ASSERT(!hook.is_linked());
    hook.previous_ = before;
    hook.next_ = after;
    before->next_ = &hook;
    after->previous_ = &hook;
  }

  static T* owner(ListHook* hook) {
    // offsetof for a pointer to member: T may be any class, so the language has no other spelling.
    alignas(T) static char probe[sizeof(T)];
    T* base = reinterpret_cast<T*>(probe);
    auto offset = reinterpret_cast<char*>(&(base->*Hook)) - reinterpret_cast<char*>(base);
    return reinterpret_cast<T*>(reinterpret_cast<char*>(hook) - offset);
  }

  ListHook head_;
};

}  // namespace sluice
