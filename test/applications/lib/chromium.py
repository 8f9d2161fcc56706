"""
A headless Chromium with one page, used as a person uses it: by what the page shows, with mouse and keyboard, its scripts
running. It is spoken to over a pipe (Chrome DevTools Protocol), so that nothing but Chromium is needed.
"""

import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from application import tmp

SECONDS = 60

# what is shown of elements that match, by what they are called: their text, their value, or their label
FIND = """((selector, called) => [...document.querySelectorAll(selector)].filter((element) => element.getClientRects().length && (called === null
    || [element.innerText, element.value, ...[...(element.labels ?? [])].map((label) => label.innerText)].some((text) => text?.trim() === called)))[0])(%s, %s)"""


class Chromium:
    def __init__(self, base):
        self.base = base
        self.home = tempfile.mkdtemp(dir=tmp)
        self.last = 0
        self.buffer = b""
        self.events = []
        self.session = None
        their_in, self.to = os.pipe()
        self.back, their_out = os.pipe()
        # Chromium reads from 3 and writes to 4
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (their_in, their_out)]

        with open(os.path.join(self.home, "log"), "wb") as log:
            # the sandbox cannot be had by root; what is shown is the test's own
            self.process = subprocess.Popen(
                ["bash", "-c", 'exec "$@" 3<&%d 4>&%d' % tuple(high), "bash", "chromium", "--headless", "--no-sandbox",
                 "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--lang=en", "--window-size=1200,2000",
                 "--user-data-dir=" + self.home, "--remote-debugging-pipe"],
                env=dict(os.environ, HOME=self.home), stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=high)
        for fd in [their_in, their_out] + high:
            os.close(fd)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def receive(self):
        """The next message."""
        while b"\0" not in self.buffer:
            if not select.select([self.back], [], [], SECONDS)[0]:
                raise RuntimeError("Chromium does not answer")
            more = os.read(self.back, 1 << 16)
            if not more:
                with open(os.path.join(self.home, "log"), errors="replace") as log:
                    raise RuntimeError("Chromium ended: " + log.read()[-2000:])
            self.buffer += more
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def send(self, method, **params):
        self.last += 1
        message = dict({"id": self.last, "method": method, "params": params}, **({"sessionId": self.session} if self.session else {}))
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        return self.last

    def handle(self, message):
        """Note what happens; whoever is asked by a dialog says yes."""
        self.events.append(message.get("method"))
        if message.get("method") == "Page.javascriptDialogOpening":
            self.send("Page.handleJavaScriptDialog", accept=True)

    def call(self, method, **params):
        number = self.send(method, **params)
        while True:
            message = self.receive()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError("%s: %s" % (method, message["error"]))
                return message["result"]
            self.handle(message)

    def wait_for(self, event):
        end = time.time() + SECONDS
        while event not in self.events:
            if time.time() > end:
                raise RuntimeError("Chromium waits for %s in vain" % event)
            self.handle(self.receive())

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError("%s: %s" % (expression, answer["exceptionDetails"]))
        return answer["result"].get("value")

    def open(self, path):
        """Go to a page. What it shows."""
        self.events.clear()
        self.call("Page.navigate", url=self.base + path)
        self.wait_for("Page.loadEventFired")
        return self.text()

    def text(self):
        return self.evaluate("document.body.innerText")

    def click(self, selector, called=None, goes=False):
        """Click on what is shown; goes: to another page, which is waited for."""
        place = self.evaluate("""(() => { const element = %s; if (!element) return null; element.scrollIntoView({ block: 'center' });
            const box = element.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"""
                              % (FIND % (json.dumps(selector), json.dumps(called))))
        if place is None:
            raise RuntimeError("the page shows no %s %s: %s" % (selector, called or "", self.text()[:2000]))
        self.events.clear()
        for kind in ["mousePressed", "mouseReleased"]:
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
        if goes:
            self.wait_for("Page.loadEventFired")

    def type(self, selector, text):
        """Type into a field."""
        self.click(selector)
        self.call("Input.insertText", text=text)

    def choose(self, selector, called):
        """Choose from a list."""
        if not self.evaluate("""(() => { const list = document.querySelector(%s), option = [...list.options].find((one) => one.text.trim() === %s);
            if (!option) return false; option.selected = true; list.dispatchEvent(new Event('change', { bubbles: true })); return true; })()"""
                             % (json.dumps(selector), json.dumps(called))):
            raise RuntimeError("%s has no %s" % (selector, called))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (OSError, RuntimeError):
            self.process.kill()
        self.process.wait(20)
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.home, ignore_errors=True)
