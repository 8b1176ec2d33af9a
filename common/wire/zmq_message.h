// One part of a message of ZeroMQ, on its way in or out. Whoever includes it links libzmq.
#pragma once

#include <zmq.h>

#include "common/base/bytes.h"

namespace tidemark::wire {

class ZmqMessage {
 public:
  ZmqMessage() { zmq_msg_init(&message_); }
  ~ZmqMessage() { zmq_msg_close(&message_); }
  ZmqMessage(const ZmqMessage&) = delete;
  ZmqMessage& operator=(const ZmqMessage&) = delete;
  zmq_msg_t* raw() { return &message_; }
  [[nodiscard]] ByteSpan bytes() {
    return {static_cast<const std::uint8_t*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }
  [[nodiscard]] bool more() { return zmq_msg_more(&message_) != 0; }

 private:
  zmq_msg_t message_;
};

}  // namespace tidemark::wire
