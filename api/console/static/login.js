"use strict";
const form = document.getElementById("login");
const said = document.getElementById("said");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "";
  const told = { name: form.elements.name.value, password: form.elements.password.value };
  try {
    const answer = await fetch("/api/v1/login", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Penfeld-Request": "1" },
      body: JSON.stringify(told),
    });
    if (answer.ok) {
      location.assign(form.dataset.next);
      return;
    }
    said.textContent = answer.status === 401 || answer.status === 422 ? form.dataset.wrong : form.dataset.trouble;
  } catch {
    said.textContent = form.dataset.trouble;
  }
  form.elements.password.value = "";
});
