"""An agent for the lab's guest that takes VFs away over their holders' heads: ``unguarded_agent.py JOURNAL``."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from backend.agent.standing import serve_on_streams
from backend.host import writing
from backend.host.caller import caller
from backend.host.linux import LinuxHost
from backend.ops.journal_file import FileJournal
from tests.conformance.kernel import refuse_elsewhere
from tests.conformance.unguarded import Unguarded

if __name__ == "__main__":
    refuse_elsewhere()
    doors = LinuxHost(writer=writing.__name__)
    operator = Unguarded(doors, FileJournal(Path(sys.argv[1]), doors.clock), caller())
    serve_on_streams(doors, operator, write=True)
    doors.close()
