let limit = 5

module Policy = struct
  let wait n = n
end
