"use strict";
// Connects to the chat and shows each message.
const lines = document.getElementById("lines");
const state = document.getElementById("state");
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(`${scheme}//${location.host}/chat/socket`);
socket.onopen = () => { state.textContent = "Connected"; };
socket.onclose = () => { state.textContent = "The chat was disconnected. Reload the page to reconnect."; };
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
