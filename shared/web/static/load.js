// Loading a cage by the scanner alone: labels line by line, and the seal's number last. What is no label by its length
// is the seal: it goes into its field and the form is sent. The server looks whether it was a label cut short.
const labels = document.getElementById("labels");
const { form } = labels;
const { seal, scanned } = form.elements;
const LABEL = 9, SEAL = /^[0-9A-Za-z-]{3,40}$/;

labels.addEventListener("keydown", (event) => {
  if (!/^(Enter|NumpadEnter)$/.test(event.code) || event.isComposing || seal.value) return;
  const lines = labels.value.trimEnd().split(/\s+/);
  const last = lines.pop();
  if (!lines.length || !SEAL.test(last) || last.replaceAll("-", "").length === LABEL) return;
  event.preventDefault();
  labels.value = `${lines.join("\n")}\n`;
  seal.value = scanned.value = last;
  form.requestSubmit();
});

if (!document.querySelector("main [role=alert]")) labels.focus();
