"""Saving and loading: PyTorch's files both ways, `.safetensors`, `.npz`. A file that is loaded runs no code."""
from __future__ import annotations

from ..torch_alias import module_getattr

#: the public names, by the file that defines them
HOMES = {
    "saving": "save DEFAULT_PROTOCOL MAGIC_NUMBER PROTOCOL_VERSION",
    "loading": "load get_unsafe_globals_in_checkpoint",
    "allowed": "add_safe_globals get_safe_globals clear_safe_globals safe_globals",
    "limits": "budgets",
    "location": "register_package location_tag default_restore_location validate_cuda_device",
    "storages": "StorageType",
    "rebuild": "get_layout",
    "options": """LoadEndianness SourceChangeWarning get_crc32_options set_crc32_options get_default_load_endianness
        set_default_load_endianness get_default_mmap_options set_default_mmap_options""",
}

__getattr__ = module_getattr(__name__, {name: home for home, names in HOMES.items() for name in names.split()})
