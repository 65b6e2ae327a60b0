// For `node --import`: a server of the process that is to close never does, as if a part of the program hung in its stop.
import { Server } from 'node:net';

Server.prototype.close = function close() {
  return this;
};
