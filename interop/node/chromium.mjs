// Debian's Chromium, driven by playwright-core, as every driver here starts it.
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

// launch opens the browser. resolve is a list like "MAP *.test 127.0.0.1", for hosts that only a test has; trust is the SHA-256 of
// the public key of an authority that only a test has, in base64.
export async function launch({ resolve, trust } = {}) {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
  if (!executablePath) throw new Error('chromium is not installed; `make test` installs it on Debian');
  const args = ['--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--no-first-run'];
  if (process.getuid?.() === 0) args.push('--no-sandbox'); // Chromium's sandbox does not start as root
  if (resolve) args.push(`--host-resolver-rules=${resolve}`);
  if (trust) args.push(`--ignore-certificate-errors-spki-list=${trust}`);
  return chromium.launch({ executablePath, args });
}

// trusting is that key of a certificate authority's file: it is trusted as a person would trust it in the browser's settings, and no other.
export const trusting = (caFile) => caFile && createHash('sha256')
  .update(new X509Certificate(readFileSync(caFile)).publicKey.export({ type: 'spki', format: 'der' })).digest('base64');

// say prints one JSON line for the Go test to judge.
export const say = (line) => console.log(JSON.stringify(line));
