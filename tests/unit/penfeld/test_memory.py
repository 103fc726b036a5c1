"""Memory that is free goes back to the system."""

import subprocess
import sys
import sysconfig

import pytest

_PROGRAM = """
from penfeld.memory import give_back
assert give_back()
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""


@pytest.mark.skipif("gnu" not in sysconfig.get_config_var("HOST_GNU_TYPE"), reason="the C library is not glibc")
def test_the_c_library_and_arrow_take_the_settings() -> None:
    """The C library takes each setting, and Arrow keeps no pool of its own; tried in a process for itself."""
    done = subprocess.run((sys.executable, "-c", _PROGRAM), capture_output=True, text=True, check=True)

    assert done.stdout == "system\n"
