"""Chromium without a window, driven over its debugging pipe: no other package is needed."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


def available():
    return shutil.which('chromium')


class Browser:
    """One page. Console errors and policy violations are collected in `complaints`."""

    def __init__(self, width=1280, height=900, dark=False):
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        self._profile = tempfile.mkdtemp(prefix='tidemark-browser-')
        command = ['chromium', '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
                   '--disable-dev-shm-usage', '--remote-debugging-pipe',
                   f'--user-data-dir={self._profile}', 'about:blank']

        def wire():  # Chromium reads commands from 3 and writes answers to 4
            os.dup2(to_child, 10), os.dup2(from_child, 11)
            os.dup2(10, 3), os.dup2(11, 4)
        self._process = subprocess.Popen(command, preexec_fn=wire, close_fds=False,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_child), os.close(from_child)
        self._buffer, self._last, self.complaints, self._session = b'', 0, [], None
        target = next(t for t in self._ask('Target.getTargets')['targetInfos']
                      if t['type'] == 'page')
        self._session = self._ask('Target.attachToTarget', targetId=target['targetId'],
                                  flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self._ask(domain + '.enable')
        self._ask('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self._ask('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])

    def _message(self, deadline):
        while b'\0' not in self._buffer:
            if not select.select([self._read], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError('the browser does not answer')
            got = os.read(self._read, 1 << 20)
            if not got:
                raise EOFError('the browser has ended')
            self._buffer += got
        message, self._buffer = self._buffer.split(b'\0', 1)
        return json.loads(message)

    def _ask(self, method, **parameters):
        self._last += 1
        message = {'id': self._last, 'method': method, 'params': parameters}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._write, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + 30
        while True:
            reply = self._message(deadline)
            if reply.get('id') == self._last:
                if 'error' in reply:
                    raise RuntimeError(f'{method}: {reply["error"]["message"]}')
                return reply['result']
            self._note(reply)

    def _note(self, event):
        what = event.get('params', {})
        if event.get('method') == 'Runtime.exceptionThrown':
            details = what['exceptionDetails']
            self.complaints.append(details.get('exception', {}).get('description',
                                                                   details['text']))
        elif event.get('method') == 'Log.entryAdded' and what['entry']['level'] == 'error':
            self.complaints.append(what['entry']['text'])

    def before_each_page(self, script):
        self._ask('Page.addScriptToEvaluateOnNewDocument', source=script)

    def go(self, url):
        self._ask('Page.navigate', url=url)

    def run(self, expression):
        """The value of a JavaScript expression; promises are waited for."""
        result = self._ask('Runtime.evaluate', expression=expression, returnByValue=True,
                           awaitPromise=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(result['exceptionDetails']['exception'].get('description'))
        return result['result'].get('value')

    def until(self, expression, seconds=15):
        """Waits in the page until the expression is true."""
        return self.run('new Promise((done, fail) => { const end = Date.now() + %d;'
                        ' const look = () => { let v; try { v = (%s); } catch { v = false; }'
                        ' if (v) done(v); else if (Date.now() > end) fail(new Error(%s));'
                        ' else setTimeout(look, 50); }; look(); })'
                        % (seconds * 1000, expression, json.dumps('not in time: ' + expression)))

    def move_mouse(self, x, y):
        self._ask('Input.dispatchMouseEvent', type='mouseMoved', x=x, y=y)

    def press(self, key):
        for kind in ('keyDown', 'keyUp'):
            self._ask('Input.dispatchKeyEvent', type=kind, key=key, code=key)

    def shoot(self, file, whole=True):
        shot = self._ask('Page.captureScreenshot', captureBeyondViewport=whole)
        with open(file, 'wb') as out:
            out.write(base64.b64decode(shot['data']))

    def close(self):
        try:
            self._session = None
            self._ask('Browser.close')
        except (EOFError, OSError, TimeoutError):
            pass
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read), os.close(self._write)
        shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
