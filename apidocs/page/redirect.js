// The window that signed in hands its answer to the documentation page: by a channel that only pages of this origin hear. Not by
// window.opener, which is gone as soon as the window has shown a page with Cross-Origin-Opener-Policy, as sign-in pages have.
'use strict';
const channel = new BroadcastChannel(`apidocs ${location.pathname}`);
channel.postMessage(location.search);
history.replaceState(null, '', location.pathname); // the code stays in no history
channel.onmessage = ({ data }) => { if (data === 'taken') window.close(); };
