"""Writes `fixtures/` anew. Run it with PyTorch 2.13: `python tests/serialization/make_fixtures.py`. The tests need no PyTorch."""
import pathlib

import contents
import torch

FOLDER = pathlib.Path(__file__).parent / "fixtures"

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, make in {**contents.ZIP, **contents.OBJECTS, "conjugated": contents.conjugated}.items():
        torch.save(make(torch), FOLDER / f"{name}.pt")
    for name, make in contents.LEGACY.items():
        torch.save(make(torch), FOLDER / f"{name}.legacy", _use_new_zipfile_serialization=False)
