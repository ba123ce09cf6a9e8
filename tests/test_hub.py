"""torch.hub: downloads are checked, kept, resumed and whole. The server is our own, on this machine."""
import hashlib
import http.server
import io
import os
import sys
import threading
import urllib.error

import pytest

import rushlight as torch
from rushlight import hub

STATE = {"weight": torch.arange(60_000.0)}


def saved(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


BYTES = saved(STATE)
DIGEST = hashlib.sha256(BYTES).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file; the server's `breaks` says after how many bytes each connection breaks off (None: never)."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range"), self.headers.get("If-Range"), self.headers["User-Agent"]))
        if "missing" in self.path:
            return self.send_error(404)
        body, start = server.body, 0
        wanted = self.headers.get("Range")
        if wanted and server.ranges and self.headers.get("If-Range") in (None, server.version):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        if server.version:
            self.send_header("ETag", server.version)
        self.end_headers()
        upto = server.breaks.pop(0) if server.breaks else None
        self.wfile.write(body[start:][:upto])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.body, found.asked, found.breaks, found.ranges, found.version = BYTES, [], [], True, '"one"'
    found.url = f"http://127.0.0.1:{found.server_port}/models/net-{DIGEST[:8]}.pth?raw=1"
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(hub, "_chosen_dir", None)
    return tmp_path / "hub" / "checkpoints"


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def get(server, folder, **how):
    hub.download_url_to_file(server.url, str(folder / "net.pth"), **how)
    return (folder / "net.pth").read_bytes()


def test_weights_are_downloaded_once_and_then_come_from_the_folder(server, home, capsys):
    for _ in range(2):
        assert torch.equal(torch.hub.load_state_dict_from_url(server.url, check_hash=True)["weight"], STATE["weight"])
    name = f"net-{DIGEST[:8]}.pth"
    assert server.asked == [(f"/models/{name}?raw=1", None, None, "torch.hub")] and files(home) == [name]
    assert capsys.readouterr() == (f'Downloading: "{server.url}" to {home / name}\n', "")


def test_file_name_and_folder_are_as_told(server, tmp_path):
    found = hub.load_state_dict_from_url(server.url, model_dir=str(tmp_path / "here"), file_name="mine.pth", map_location="cpu", progress=False)
    assert torch.equal(found["weight"], STATE["weight"]) and files(tmp_path / "here") == ["mine.pth"]


def test_wrong_hash_is_pytorchs_error_and_leaves_nothing_behind(server, home):
    server.body = saved({"weight": torch.zeros(3)})
    digest = hashlib.sha256(server.body).hexdigest()
    with pytest.raises(RuntimeError) as caught:
        hub.load_state_dict_from_url(server.url, check_hash=True)
    assert str(caught.value) == f'invalid hash value (expected "{DIGEST[:8]}", got "{digest}")'
    assert files(home) == []
    assert hub.load_state_dict_from_url(server.url)["weight"].shape == (3,)  # as in PyTorch, nothing is checked unless it is asked for


def test_file_that_would_run_code_is_refused_unless_trusted(server, home):
    class Attack:
        def __reduce__(self):
            return os.getcwd, ()
    server.body = saved(Attack())
    with pytest.raises(Exception, match="Weights only load failed"):
        hub.load_state_dict_from_url(server.url)
    assert hub.load_state_dict_from_url(server.url, weights_only=False) == os.getcwd()


def test_connection_that_breaks_is_taken_up_where_it_broke(server, tmp_path):
    server.breaks = [50_000, 70_000]
    assert get(server, tmp_path, hash_prefix=DIGEST) == BYTES
    assert [asked[1:3] for asked in server.asked] == [(None, None), ("bytes=50000-", '"one"'), ("bytes=120000-", '"one"')]
    assert files(tmp_path) == ["net.pth"]


def interrupted(server, tmp_path):
    """Breaks a download off after 50,000 bytes, as a user does."""
    server.breaks = [50_000, 0, 0, 0, 0]
    with pytest.raises(EOFError, match="connections broke off after 50000 bytes"):
        get(server, tmp_path)
    server.asked.clear()
    server.breaks.clear()


def test_later_call_goes_on_where_an_earlier_one_stopped(server, tmp_path):
    interrupted(server, tmp_path)
    assert files(tmp_path) == ["net.pth.partial", "net.pth.partial.version"]
    assert get(server, tmp_path) == BYTES
    assert [asked[1] for asked in server.asked] == ["bytes=50000-"] and files(tmp_path) == ["net.pth"]


def test_parts_of_two_versions_are_not_mixed(server, tmp_path):
    interrupted(server, tmp_path)
    server.body, server.version = BYTES[::-1], '"two"'
    assert get(server, tmp_path) == BYTES[::-1]


def test_parts_of_two_addresses_are_not_mixed(server, tmp_path):
    interrupted(server, tmp_path)
    server.url += "&other"
    server.body = BYTES[::-1]
    assert get(server, tmp_path) == BYTES[::-1] and server.asked[0][1] is None


def test_server_without_range_sends_all_again(server, tmp_path):
    interrupted(server, tmp_path)
    server.ranges = False
    server.breaks = [60_000]
    assert get(server, tmp_path) == BYTES
    assert [asked[1] for asked in server.asked] == ["bytes=50000-", "bytes=60000-"]


def test_what_no_version_and_no_hash_vouches_for_is_not_resumed(server, tmp_path):
    server.version = ""
    server.breaks = [50_000]
    assert get(server, tmp_path) == BYTES and [asked[1] for asked in server.asked] == [None, None]
    server.breaks, server.asked = [50_000], []
    os.unlink(tmp_path / "net.pth")
    assert get(server, tmp_path, hash_prefix=DIGEST) == BYTES and [asked[1:3] for asked in server.asked] == [(None, None), ("bytes=50000-", None)]


def test_part_that_is_longer_than_the_file_is_dropped(server, tmp_path):
    interrupted(server, tmp_path)
    server.body = BYTES[:40_000]
    assert get(server, tmp_path) == BYTES[:40_000]


def test_failed_download_harms_no_file_that_was_there(server, tmp_path):
    (tmp_path / "net.pth").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        get(server, tmp_path, hash_prefix="0000")
    assert (tmp_path / "net.pth").read_bytes() == b"old" and files(tmp_path) == ["net.pth"]


def test_what_is_not_there_is_an_http_error_and_leaves_nothing_behind(server, tmp_path):
    server.url = server.url.replace("models", "missing")
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(server, tmp_path)
    caught.value.close()
    assert files(tmp_path) == []


def test_two_downloads_of_one_file_do_not_disturb_each_other(server, tmp_path):
    threads = [threading.Thread(target=get, args=(server, tmp_path)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "net.pth").read_bytes() == BYTES and files(tmp_path) == ["net.pth"]


def test_address_without_a_file_name_is_refused(home):
    with pytest.raises(ValueError, match="names no file"):
        hub.load_state_dict_from_url("http://127.0.0.1/models/..")


def test_folder_follows_the_environment_and_set_dir(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "_chosen_dir", None)
    for variable in ("TORCH_HOME", "XDG_CACHE_HOME", "TORCH_HUB"):
        monkeypatch.delenv(variable, raising=False)
    assert hub.get_dir() == os.path.expanduser("~/.cache/torch/hub")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert hub.get_dir() == os.path.join("/cache", "torch", "hub")
    monkeypatch.setenv("TORCH_HOME", "/home")
    assert hub.get_dir() == os.path.join("/home", "hub")
    hub.set_dir("~/models")
    assert hub.get_dir() == os.path.expanduser("~/models")
    monkeypatch.setenv("TORCH_HUB", "/old")
    with pytest.warns(UserWarning, match="TORCH_HUB is deprecated, please use env TORCH_HOME instead"):
        hub.get_dir()


@pytest.mark.parametrize("has_tqdm", [True, False])
def test_terminal_sees_progress(server, tmp_path, monkeypatch, has_tqdm):
    if not has_tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    get(server, tmp_path)
    assert "100" in terminal.getvalue() and "%" in terminal.getvalue()
    shown = terminal.getvalue()
    os.unlink(tmp_path / "net.pth")
    get(server, tmp_path, progress=False)
    assert terminal.getvalue() == shown


def test_size_that_is_not_known_is_counted_in_megabytes(capsys):
    with hub.PlainBar(0, None, True) as bar:
        bar.update(3 << 20)
    assert capsys.readouterr().err == "\r3 MB\x1b[K\n"
