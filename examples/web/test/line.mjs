/** The WebSockets of a page, on their way to the service. */
export class Line {
  attempts = 0;
  /** The variables of each subscription, as the page sent them. */
  subscriptions = [];
  #isUp = true;
  #forgetsCursors = false;
  #sockets = [];

  install(page) {
    return page.routeWebSocket("**/graphql", (socket) => {
      this.attempts++;
      if (!this.#isUp) return socket.close({ code: 1001 });
      this.#sockets.push(socket);
      const server = socket.connectToServer();
      socket.onMessage((text) => {
        const message = JSON.parse(text);
        if (message.type === "subscribe") {
          const { variables } = message.payload;
          this.subscriptions.push({ ...variables });
          if (this.#forgetsCursors && variables.after !== null) variables.after = "unknown";
        }
        server.send(JSON.stringify(message));
      });
    });
  }

  async cut(close = { code: 1001 }) {
    this.#isUp = false;
    for (const socket of this.#sockets.splice(0)) await socket.close(close);
  }

  mend({ forgetsCursors = false } = {}) {
    this.#isUp = true;
    this.#forgetsCursors = forgetsCursors;
  }
}
