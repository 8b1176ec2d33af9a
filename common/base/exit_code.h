// The exit codes that scripts rely on (sysexits where one fits).
#pragma once

namespace tidemark {

enum ExitCode : int {
  kExitOk = 0,
  kExitProblems = 1,      // a check found problems
  kExitDegraded = 2,      // runs, but not as it should
  kExitUsage = 64,
  kExitBadData = 65,      // bad data, or undecidable
  kExitNoInput = 66,
  kExitUnreachable = 69,  // a peer does not answer
  kExitFault = 70,        // internal fault
  kExitCannotCreate = 73,
  kExitTryAgain = 75,
  kExitProtocol = 76,
  kExitNotPermitted = 77,
  kExitConfig = 78,
};

}  // namespace tidemark
