"""A mail server that keeps what it receives: as much of SMTP as a client needs to log in and send."""

import base64
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Mailbox:
    """The server's address, the logins that it saw, and the mails."""

    address: str = ""
    logins: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)


@contextmanager
def receive_mail() -> Iterator[Mailbox]:
    """Serve on a free port of this machine for the block; yield the mailbox."""
    mailbox = Mailbox()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 mail")
            while line := self.rfile.readline().decode().strip():
                self.answer(line.partition(" ")[0].upper(), line)

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def answer(self, verb: str, line: str) -> None:
            if verb == "EHLO":
                self.say("250-mail")
                self.say("250 AUTH PLAIN")
            elif verb == "AUTH":
                mailbox.logins.append(base64.b64decode(line.split()[2]).decode())
                self.say("235 welcome")
            elif verb == "DATA":
                self.say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                mailbox.mails.append("".join(lines))
                self.say("250 kept")
            else:
                self.say("221 bye" if verb == "QUIT" else "250 fine")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        mailbox.address = f"127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield mailbox
        server.shutdown()
