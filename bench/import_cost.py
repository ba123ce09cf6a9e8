"""What `import rushlight` costs beside `import numpy`: wall time as a ratio, resident memory as a difference.

    python import_cost.py            print both; exit code 1 if over 1.5 times or over 12 MB

Both are the best of several fresh processes, in turns, so that a busy machine harms both alike.
"""
import subprocess
import sys

RATIO, MEGABYTES, ROUNDS = 1.5, 12.0, 9

PROBE = """
import os, time
began = time.perf_counter()
import {module}
seconds = time.perf_counter() - began
pages = int(open("/proc/self/statm").read().split()[1]) if os.path.exists("/proc/self/statm") else 0
print(seconds, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
"""


def probe(module):
    """(seconds, resident megabytes) of a fresh process that imports one module."""
    done = subprocess.run([sys.executable, "-c", PROBE.format(module=module)], capture_output=True, text=True, check=True)
    return tuple(map(float, done.stdout.split()))


def measure(rounds=ROUNDS):
    """(time of rushlight / time of numpy, extra resident megabytes, the two times in ms).

    Both are byte-compiled first, as pip leaves every package that it installs.
    """
    subprocess.run([sys.executable, "-c", "import compileall, rushlight; compileall.compile_dir(rushlight.__path__[0], quiet=1)"], check=True)
    pairs = [(probe("numpy"), probe("rushlight")) for _ in range(rounds)]
    (base_s, base_mb), (our_s, our_mb) = (map(min, zip(*side)) for side in zip(*pairs))
    return our_s / base_s, our_mb - base_mb, base_s * 1e3, our_s * 1e3


def main():
    ratio, extra, base, ours = measure()
    print(f"import numpy {base:.1f} ms, import rushlight {ours:.1f} ms: {ratio:.2f} times (at most {RATIO}), "
          f"{extra:+.1f} MB resident (at most {MEGABYTES:+.0f})")
    return 0 if ratio <= RATIO and extra <= MEGABYTES else 1


if __name__ == "__main__":
    sys.exit(main())
