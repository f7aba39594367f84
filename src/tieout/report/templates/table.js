(function () {
  var source = document.getElementById("rows");
  var table = document.querySelector("table[data-rows]");
  if (!source || !table) return;
  var data = JSON.parse(source.textContent), size = 100, page = 0, by = -1, up = true, found = data.rows;
  var controls = document.querySelector(".controls"), input = controls.querySelector("input");
  var place = controls.querySelector("span"), body = table.tBodies[0], heads = table.tHead.rows[0].cells;
  controls.hidden = false;
  function key(row) {
    if (by < data.first_number) return row[by];
    var number = parseFloat(row[by]);
    return isNaN(number) ? -Infinity : number;
  }
  function draw() {
    var pages = Math.max(1, Math.ceil(found.length / size));
    page = Math.min(Math.max(page, 0), pages - 1);
    body.textContent = "";
    found.slice(page * size, (page + 1) * size).forEach(function (row) {
      var line = body.insertRow();
      row.forEach(function (cell, column) {
        var at = line.insertCell();
        at.textContent = cell;
        if (column >= data.first_number) at.className = "number";
      });
    });
    place.textContent = found.length + " rows, page " + (page + 1) + " of " + pages;
  }
  function choose() {
    var wanted = input.value.toLowerCase();
    found = data.rows.filter(function (row) { return row.join(" ").toLowerCase().indexOf(wanted) >= 0; });
    if (by >= 0) found.sort(function (one, other) {
      var a = key(one), b = key(other);
      return (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1);
    });
    draw();
  }
  input.addEventListener("input", function () { page = 0; choose(); });
  controls.querySelectorAll("button").forEach(function (button) {
    button.addEventListener("click", function () { page += Number(button.dataset.step); draw(); });
  });
  Array.prototype.forEach.call(heads, function (head, column) {
    head.dataset.sorts = "";
    head.addEventListener("click", function () { up = by === column ? !up : true; by = column; choose(); });
  });
  choose();
})();
