function each(what, act) { Array.prototype.forEach.call(document.querySelectorAll(what), act); }
document.getElementById('open-all').onclick = function () { each('details', function (it) { it.open = true; }); };
document.getElementById('only-problems').onclick = function () {
  var only = this.getAttribute('aria-pressed') !== 'true';
  this.setAttribute('aria-pressed', String(only));
  each('tr.good, tr.idle, section.good, section.idle', function (it) { it.hidden = only; });
};
each('.controls', function (it) { it.hidden = false; });
