// In place of isolated-vm, a sandbox that would have to be compiled: flows and extensions run in it, and there are none here.
module.exports = {};
