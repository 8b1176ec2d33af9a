// Ends a wait of another thread, once until it is armed again. Private to the folder.
#pragma once

namespace tidemark::modbus {

class Wake {
 public:
  Wake();
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  void arm();   // the thread that waits
  void wake();  // any thread
  // Waits until `fd` has bytes to read (-1: only waits), the time is over or somebody wakes.
  enum class Why : unsigned char { readable, over, woken };
  Why wait(int fd, long long ns) const;

 private:
  int event_ = -1;
};

}  // namespace tidemark::modbus
