"use strict";
// Opens the chat's socket and shows each line that comes over it.
const lines = document.getElementById("lines");
const state = document.getElementById("state");
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(`${scheme}//${location.host}/chat/socket`);
socket.onopen = () => { state.textContent = "Connected"; };
socket.onclose = () => { state.textContent = "The conversation was closed. Reload the page to open it again."; };
socket.onmessage = (event) => {
  const item = document.createElement("li");
  item.textContent = event.data;
  lines.append(item);
  lines.scrollTop = lines.scrollHeight;
};
document.getElementById("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = event.target.elements.line;
  if (socket.readyState === WebSocket.OPEN) {
    socket.send(input.value);
    input.value = "";
  }
});
