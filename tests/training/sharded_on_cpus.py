"""palimpsest with its weights really split over processes (torch's FSDP) on CPUs, for tests.

accelerate offers FSDP on accelerators only; torch itself splits over gloo too. Run by torchrun.
"""

from typing import Any

from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

from analysis.cli import main

_begin = AcceleratorState.__init__


def begin_sharded(self: Any, *arguments: Any, fsdp_plugin: Any = None, **named: Any) -> None:
    _begin(self, *arguments, fsdp_plugin=fsdp_plugin, **named)
    if fsdp_plugin is not None:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin


if __name__ == "__main__":
    AcceleratorState.__init__ = begin_sharded
    main()
